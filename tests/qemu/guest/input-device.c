// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * An input device of the kernel's (uinput) that does as its FIFO says, as a lens cover or a button would:
 *
 *     input-device NAME FIFO TYPE:CODE...
 *
 * Each line of the FIFO is "TYPE CODE VALUE", in numbers. The device is gone when this ends.
 */
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void emit(int device, int type, int code, int value)
{
	struct input_event event = { .type = type, .code = code, .value = value };

	must(write(device, &event, sizeof(event)), "write");
}

int main(int argc, char **argv)
{
	struct uinput_setup setup = { .id = { .bustype = BUS_HOST } };
	int device, type, code, value, fifo;
	FILE *lines;

	if (argc < 4) {
		fprintf(stderr, "usage: input-device NAME FIFO TYPE:CODE...\n");
		return 64;
	}
	device = open("/dev/uinput", O_WRONLY | O_CLOEXEC);
	must(device, "/dev/uinput");
	for (int i = 3; i < argc; i++) {
		if (sscanf(argv[i], "%d:%d", &type, &code) != 2)
			return 64;
		must(ioctl(device, UI_SET_EVBIT, type), "UI_SET_EVBIT");
		must(ioctl(device, type == EV_SW ? UI_SET_SWBIT : UI_SET_KEYBIT, code), argv[i]);
	}
	strncpy(setup.name, argv[1], sizeof(setup.name) - 1);
	must(ioctl(device, UI_SET_PHYS, argv[1]), "UI_SET_PHYS");
	must(ioctl(device, UI_DEV_SETUP, &setup), "UI_DEV_SETUP");
	must(ioctl(device, UI_DEV_CREATE), "UI_DEV_CREATE");

	/* Made last: a test waits for it. Open for writing too, so that it never ends. */
	must(mkfifo(argv[2], 0600), argv[2]);
	fifo = open(argv[2], O_RDWR | O_CLOEXEC);
	must(fifo, argv[2]);
	lines = fdopen(fifo, "r");
	while (lines && fscanf(lines, "%d %d %d", &type, &code, &value) == 3) {
		emit(device, type, code, value);
		emit(device, EV_SYN, SYN_REPORT, 0);
	}
	return 0;
}
