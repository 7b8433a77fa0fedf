/* Makes one system call that writes or sends fail, tear, or be the last: a preload for Linux.
 *
 * A process arms itself with faults_arm(). From then on each call that changes a file system, or sends over TCP, is
 * counted in memory that the process shares with the one that watches it. The call whose number is `when` meets the
 * fault.
 *
 * What counts: a write to a regular file; open with O_CREAT or O_TRUNC; every call that renames, links, removes,
 * creates, truncates, syncs, or changes permissions, owners or times; and send.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { COUNT, KILL, TEAR, ONCE, FULL, READ_ONLY, CLOCK };
enum { FILES, ROOM, NETWORK }; /* what a call needs: ROOM is on the disk */

struct shared {
    _Atomic long seen;   /* calls so far */
    _Atomic long struck; /* calls that met the fault */
    char name[32];       /* the first of them */
};

static struct shared *shared;
static int kind, failure;
static long when, jump;
static _Atomic int jumped;

void faults_arm(void *memory, int of_kind, long at, long value) {
    kind = of_kind;
    when = at;
    failure = kind == FULL ? ENOSPC : kind == READ_ONLY ? EROFS : (int)value;
    jump = value;
    jumped = 0;
    shared = memory;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* What is to happen to a call: 0 nothing, 1 it fails with `failure`, 2 it is torn, and then the process dies. */
static int strikes(const char *name, int needs) {
    if (!shared) return 0;
    long number = atomic_fetch_add(&shared->seen, 1) + 1;
    int lasts = kind == FULL || kind == READ_ONLY;
    if (number < when || kind == COUNT || (number > when && !lasts)) return 0;
    if ((kind == FULL && needs != ROOM) || (kind == READ_ONLY && needs == NETWORK)) return 0;
    if (atomic_fetch_add(&shared->struck, 1) == 0) strncpy(shared->name, name, sizeof shared->name - 1);
    switch (kind) {
    case KILL: die(); return 0;
    case TEAR: return 2;
    case CLOCK: jumped = 1; return 0;
    default: errno = failure; return 1;
    }
}

/* Standard streams do not count, though they may lead to files. */
static int is_file(int fd) {
    struct stat found;
    if (fd <= 2) return 0;
    int saved = errno, answer = shared && !fstat(fd, &found) && S_ISREG(found.st_mode);
    errno = saved;
    return answer;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* A call without a part that could be torn: torn means that the process dies right after it. */
#define CALL(label, needs, result, call) \
    int fate = strikes(label, needs); \
    if (fate == 1) return -1; \
    result done = call; \
    if (fate == 2) die(); \
    return done

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    int fate = is_file(fd) ? strikes("write", ROOM) : 0;
    /* A disk that runs full takes the first part of the write. */
    if (fate == 1 && kind == FULL && shared->struck == 1 && size > 1) return real(fd, data, size / 2);
    if (fate == 1) return -1;
    ssize_t done = real(fd, data, fate == 2 ? size / 2 : size);
    if (fate == 2) die();
    return done;
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) { \
        REAL(name); \
        int fate = is_file(fd) ? strikes("pwrite", ROOM) : 0; \
        if (fate == 1) return -1; \
        ssize_t done = real(fd, data, fate == 2 ? size / 2 : size, offset); \
        if (fate == 2) die(); \
        return done; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    if (!is_file(fd)) return real(fd, parts, count);
    CALL("writev", ROOM, ssize_t, real(fd, parts, count));
}

#define OPEN(name, label, parameters, arguments) \
    int name parameters { \
        REAL(name); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        if (!(flags & (O_CREAT | O_TRUNC))) return real arguments; \
        CALL(label, ROOM, int, real arguments); \
    }
OPEN(open, "open", (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, "open", (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, "open", (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPEN(openat64, "open", (int folder, const char *path, int flags, ...), (folder, path, flags, mode))

#define PLAIN(name, label, needs, parameters, arguments) \
    int name parameters { REAL(name); CALL(label, needs, int, real arguments); }
PLAIN(rename, "rename", ROOM, (const char *from, const char *to), (from, to))
PLAIN(renameat, "rename", ROOM, (int a, const char *from, int b, const char *to), (a, from, b, to))
PLAIN(renameat2, "rename", ROOM, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
PLAIN(link, "link", ROOM, (const char *from, const char *to), (from, to))
PLAIN(linkat, "link", ROOM, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
PLAIN(symlink, "symlink", ROOM, (const char *to, const char *path), (to, path))
PLAIN(symlinkat, "symlink", ROOM, (const char *to, int folder, const char *path), (to, folder, path))
PLAIN(unlink, "unlink", FILES, (const char *path), (path))
PLAIN(unlinkat, "unlink", FILES, (int folder, const char *path, int flags), (folder, path, flags))
PLAIN(remove, "unlink", FILES, (const char *path), (path))
PLAIN(rmdir, "rmdir", FILES, (const char *path), (path))
PLAIN(mkdir, "mkdir", ROOM, (const char *path, mode_t mode), (path, mode))
PLAIN(mkdirat, "mkdir", ROOM, (int folder, const char *path, mode_t mode), (folder, path, mode))
PLAIN(truncate, "truncate", FILES, (const char *path, off_t size), (path, size))
PLAIN(truncate64, "truncate", FILES, (const char *path, off64_t size), (path, size))
PLAIN(ftruncate, "truncate", FILES, (int fd, off_t size), (fd, size))
PLAIN(ftruncate64, "truncate", FILES, (int fd, off64_t size), (fd, size))
PLAIN(fsync, "fsync", ROOM, (int fd), (fd))
PLAIN(fdatasync, "fsync", ROOM, (int fd), (fd))
PLAIN(chmod, "chmod", FILES, (const char *path, mode_t mode), (path, mode))
PLAIN(fchmod, "chmod", FILES, (int fd, mode_t mode), (fd, mode))
PLAIN(fchmodat, "chmod", FILES, (int folder, const char *path, mode_t mode, int flags), (folder, path, mode, flags))
PLAIN(chown, "chown", FILES, (const char *path, uid_t user, gid_t group), (path, user, group))
PLAIN(fchown, "chown", FILES, (int fd, uid_t user, gid_t group), (fd, user, group))
PLAIN(lchown, "chown", FILES, (const char *path, uid_t user, gid_t group), (path, user, group))
PLAIN(utimensat, "utime", FILES, (int folder, const char *path, const struct timespec times[2], int flags), (folder, path, times, flags))
PLAIN(futimens, "utime", FILES, (int fd, const struct timespec times[2]), (fd, times))

/* Copies of files: in the kernel, or by sharing blocks. */
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t size, unsigned flags) {
    REAL(copy_file_range);
    CALL("copy", ROOM, ssize_t, real(from, at, to, there, size, flags));
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
    REAL(sendfile64);
    if (!is_file(to)) return real(to, from, at, size);
    CALL("copy", ROOM, ssize_t, real(to, from, at, size));
}

int ioctl(int fd, unsigned long request, ...) {
    REAL(ioctl);
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    if (request != 0x40049409 /* FICLONE */) return real(fd, request, argument);
    CALL("copy", ROOM, int, real(fd, request, argument));
}

/* A request to a server. The streams of workers, which are no TCP, do not count. */
static int is_network(int fd) {
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    int saved = errno, answer = shared && !getsockname(fd, (struct sockaddr *)&own, &size) &&
        (own.ss_family == AF_INET || own.ss_family == AF_INET6);
    errno = saved;
    return answer;
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    REAL(send);
    int fate = is_network(fd) ? strikes("send", NETWORK) : 0;
    /* A call that fails ends the connection: before the server gets anything, or (EIO) before it answers. */
    ssize_t done = fate == 1 && failure != EIO ? -1 : real(fd, data, fate == 2 ? size / 2 : size, flags);
    if (fate == 2) die();
    if (fate == 1) shutdown(fd, SHUT_RDWR);
    if (done < 0 && fate == 1) errno = failure;
    return done;
}

/* The clock on the wall jumps; the others go on. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int done = real(clock, now);
    if (jumped && clock == CLOCK_REALTIME) now->tv_sec += jump;
    return done;
}

time_t time(time_t *store) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (store) *store = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

/* A program that starts with the preload is armed by its environment: FAULTS=KIND:WHEN:VALUE:FILE. */
__attribute__((constructor)) static void armed_from_outside(void) {
    const char *asked = getenv("FAULTS");
    char path[256];
    int of_kind;
    long at, value;
    if (!asked || sscanf(asked, "%d:%ld:%ld:%255s", &of_kind, &at, &value, path) != 4) return;
    unsetenv("FAULTS");
    int fd = open(path, O_RDWR);
    if (fd < 0) return;
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) faults_arm(memory, of_kind, at, value);
}
