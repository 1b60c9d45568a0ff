/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * For `make bench-settings`, preloaded into the service and its workers: the property that LEFT_UNSET names, as `type.property`,
 * stays as GStreamer has it. So what ships is measured, and has no switch for it. Says once in each process that it did. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib-object.h>
#include <stdlib.h>
#include <string.h>

static int is_left(GObject *object, const char *property)
{
    const char *left = getenv("LEFT_UNSET");
    const char *type = G_OBJECT_TYPE_NAME(object);
    size_t len = strlen(type);
    return left && !strncmp(left, type, len) && left[len] == '.' && !strcmp(left + len + 1, property);
}

void g_object_set_property(GObject *object, const gchar *property, const GValue *value)
{
    static void (*set)(GObject *, const gchar *, const GValue *);
    static int said;
    if (!set)
        set = (void (*)(GObject *, const gchar *, const GValue *))dlsym(RTLD_NEXT, "g_object_set_property");
    if (!is_left(object, property)) {
        set(object, property, value);
    } else if (!said) {
        said = 1;
        g_printerr("left unset: %s\n", getenv("LEFT_UNSET"));
    }
}
