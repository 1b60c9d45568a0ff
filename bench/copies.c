// SPDX-License-Identifier: MIT OR Apache-2.0
// What one access unit costs on its way from one process to others, by three ways: through a stream socket; in a sealed memory that is
// read, as the service does it; in one that is mapped. Prints processor time as JSON, for each size and way: microseconds a unit of
// the one that writes, with one reader and with five, and of each of the five. The ways take turns.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEADER = 16, MOST_READERS = 5, SEALS = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL };

static void check(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void write_all(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t done = write(fd, bytes, len);
    check(done > 0, "write");
    bytes += done;
    len -= (size_t)done;
  }
}

/// Whether all was there; an end before the first byte is the end.
static int read_all(int fd, char *bytes, size_t len) {
  for (size_t at = 0; at < len;) {
    ssize_t done = read(fd, bytes + at, len - at);
    check(done > 0 || (done == 0 && at == 0), "read");
    if (done == 0) return 0;
    at += (size_t)done;
  }
  return 1;
}

/// What a payloader does at least: it looks at each byte once.
static void look(const char *bytes, size_t len) {
  unsigned char sum = 0;
  for (size_t at = 0; at < len; at++) sum ^= (unsigned char)bytes[at];
  __asm__ volatile("" : : "r"(sum)); // not for nothing
}

static void send_fd(int socket, int fd) {
  char header[HEADER] = {0};
  union { char space[CMSG_SPACE(sizeof fd)]; struct cmsghdr align; } control = {0};
  struct iovec part = {header, sizeof header};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  struct cmsghdr *beside = CMSG_FIRSTHDR(&message);
  beside->cmsg_level = SOL_SOCKET;
  beside->cmsg_type = SCM_RIGHTS;
  beside->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(beside), &fd, sizeof fd);
  check(sendmsg(socket, &message, MSG_NOSIGNAL) == HEADER, "sendmsg");
}

/// The descriptor beside the next packet, or -1 at the end.
static int receive_fd(int socket) {
  char header[HEADER];
  union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct iovec part = {header, sizeof header};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  check(got == HEADER || got == 0, "recvmsg");
  if (got == 0) return -1;
  struct cmsghdr *beside = CMSG_FIRSTHDR(&message);
  check(beside && beside->cmsg_type == SCM_RIGHTS, "no descriptor");
  int fd;
  memcpy(&fd, CMSG_DATA(beside), sizeof fd);
  return fd;
}

enum way { SOCKET, READ, MAPPED, WAYS };
static const char *const names[] = {"socket", "read", "mapped"};

static void reader(enum way way, int socket, size_t len) {
  if (way == SOCKET) {
    for (char header[HEADER]; read_all(socket, header, HEADER);) {
      char *unit = calloc(1, len); // as a safe language gives it
      check(unit && read_all(socket, unit, len), "unit");
      look(unit, len);
      free(unit);
    }
    return;
  }
  for (int fd; (fd = receive_fd(socket)) >= 0; close(fd)) {
    struct stat facts;
    check((fcntl(fd, F_GET_SEALS) & SEALS) == SEALS && fstat(fd, &facts) == 0 && (size_t)facts.st_size == len, "memory");
    if (way == READ) {
      char *unit = malloc(len);
      check(unit && pread(fd, unit, len, 0) == (ssize_t)len, "pread");
      look(unit, len);
      free(unit);
    } else {
      char *unit = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
      check(unit != MAP_FAILED, "mmap");
      look(unit, len);
      munmap(unit, len);
    }
  }
}

static void writer(enum way way, const int *sockets, int readers, const char *unit, size_t len, int units) {
  for (int n = 0; n < units; n++) {
    if (way == SOCKET) {
      char *frame = malloc(HEADER + len); // copied once for all, off the encoder's buffer
      check(frame != NULL, "frame");
      memset(frame, 0, HEADER);
      memcpy(frame + HEADER, unit, len);
      for (int r = 0; r < readers; r++) write_all(sockets[r], frame, HEADER + len);
      free(frame);
    } else {
      int fd = memfd_create("access-unit", MFD_CLOEXEC | MFD_ALLOW_SEALING);
      check(fd >= 0, "memfd_create");
      write_all(fd, unit, len);
      check(fcntl(fd, F_ADD_SEALS, SEALS) == 0, "seals");
      for (int r = 0; r < readers; r++) send_fd(sockets[r], fd);
      close(fd);
    }
  }
}

static double seconds(int who) {
  struct rusage used;
  getrusage(who, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

struct cost { double writer, reader; };

/// Microseconds of processor time a unit.
static struct cost measure(enum way way, int readers, const char *unit, size_t len, int units) {
  int sockets[MOST_READERS];
  for (int r = 0; r < readers; r++) {
    int pair[2];
    check(socketpair(AF_UNIX, (way == SOCKET ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    if (way != SOCKET) check(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){0}, sizeof(int)) == 0, "SO_SNDBUF"); // as the service has it
    fflush(stdout);
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
      for (int other = 0; other < r; other++) close(sockets[other]);
      close(pair[0]);
      reader(way, pair[1], len);
      _exit(0);
    }
    close(pair[1]);
    sockets[r] = pair[0];
  }
  double self = seconds(RUSAGE_SELF), children = seconds(RUSAGE_CHILDREN);
  writer(way, sockets, readers, unit, len, units);
  for (int r = 0; r < readers; r++) close(sockets[r]);
  for (int r = 0; r < readers; r++) {
    int status;
    check(wait(&status) > 0 && status == 0, "a reader");
  }
  double micro = 1e6 / units;
  return (struct cost){(seconds(RUSAGE_SELF) - self) * micro, (seconds(RUSAGE_CHILDREN) - children) * micro / readers};
}

int main(int argc, char **argv) {
  int units = argc > 1 ? atoi(argv[1]) : 4000, rounds = argc > 2 ? atoi(argv[2]) : 7;
  static const size_t lens[] = {1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10};
  enum { LENS = sizeof lens / sizeof *lens };
  char *unit = malloc(lens[LENS - 1]);
  check(unit != NULL, "unit");
  for (size_t at = 0; at < lens[LENS - 1]; at++) unit[at] = (char)(at * 2654435761u >> 7);
  const char *before = "[";
  for (size_t l = 0; l < LENS; l++)
    for (int round = 0; round < rounds; round++)
      for (enum way way = 0; way < WAYS; way++, before = ",") {
        struct cost one = measure(way, 1, unit, lens[l], units), five = measure(way, MOST_READERS, unit, lens[l], units);
        printf("%s{\"bytes\":%zu,\"way\":\"%s\",\"one\":%.3f,\"five\":%.3f,\"each\":%.3f}\n", before, lens[l], names[way], one.writer,
               five.writer, five.reader);
      }
  puts("]");
  free(unit);
}
