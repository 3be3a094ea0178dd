/* Preloaded into a process: writes every change below a folder to a log, in the order it happened.
 *
 * The log tells what a power cut at any of its positions may leave: content and names that were
 * not synced are lost (power_cut.py rebuilds it). A change is logged after it was made and before
 * the caller knows, so whatever the program orders, the log orders alike. A sync is two records:
 * what was written before it began is durable once it has ended.
 *
 * Calls that change files in ways not modelled here are logged as such, and fail the test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536

static int log_fd = -1;
static int drops_syncs;
static pid_t owner;
static char root[PATH_MAX];
static size_t root_length;
static unsigned char tracked[FDS];

struct record {
    uint64_t operation, inode, thread;
    int64_t offset;
    uint64_t first_length, second_length;
};

static void append(char operation, uint64_t inode, int64_t offset, const void *first,
                   size_t first_length, const void *second, size_t second_length) {
    int kept = errno;
    struct record head = {(uint64_t)operation, inode, (uint64_t)syscall(SYS_gettid), offset,
                          first_length, second_length};
    struct iovec parts[3] = {{&head, sizeof head},
                             {(void *)first, first_length},
                             {(void *)second, second_length}};
    size_t whole = sizeof head + first_length + second_length;
    if (syscall(SYS_writev, log_fd, parts, 3) != (long)whole) abort(); /* a log with a hole lies */
    errno = kept;
}

static void set_owner(void) { owner = getpid(); }

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("POWER_CUT_LOG"), *folder = getenv("POWER_CUT_ROOT");
    if (!log || !folder) return;
    strncpy(root, folder, sizeof root - 1);
    root_length = strlen(root);
    drops_syncs = getenv("POWER_CUT_DROPS_SYNCS") != NULL;
    int opened = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    log_fd = syscall(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, opened);
    if (log_fd < 0) abort();
    set_owner();
    pthread_atfork(NULL, NULL, set_owner);
}

static int is_inside(const char *path) {
    return log_fd >= 0 && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == 0);
}

static int is_tracked(int fd) { return fd >= 0 && fd < FDS && tracked[fd]; }

/* A child between vfork and exec shares our memory: what it closes stays open here. */
static void track(int fd, int is_ours) {
    if (fd >= 0 && fd < FDS && getpid() == owner) tracked[fd] = is_ours;
}

static uint64_t inode_of(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 ? found.st_ino : 0;
}

static int path_of(int fd, char *path) {
    char link[64];
    int digits = 0, number = fd;
    do digits++; while (number /= 10);
    memcpy(link, "/proc/self/fd/", 14);
    link[14 + digits] = 0;
    for (number = fd; digits--; number /= 10) link[14 + digits] = '0' + number % 10;
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* The name itself may be gone or new; its folder is there. */
static int resolve(int folder, const char *name, char *path) {
    char joined[PATH_MAX], parent[PATH_MAX];
    joined[0] = 0;
    if (name[0] != '/' && folder != AT_FDCWD) {
        if (!path_of(folder, joined)) return 0;
        strncat(joined, "/", sizeof joined - strlen(joined) - 1);
    } else if (name[0] != '/') {
        strcpy(joined, "./");
    }
    strncat(joined, name, sizeof joined - strlen(joined) - 1);
    char *last = strrchr(joined, '/');
    *last = 0;
    if (!realpath(joined[0] ? joined : "/", parent)) return 0;
    if (strlen(parent) + strlen(last + 1) + 2 > PATH_MAX) return 0;
    strcpy(path, parent);
    strcat(path, "/");
    strcat(path, last + 1);
    return 1;
}

static void name_changed(char operation, int folder, const char *name) {
    char path[PATH_MAX];
    struct stat found = {0};
    if (log_fd < 0 || !resolve(folder, name, path) || !is_inside(path)) return;
    lstat(path, &found);
    append(operation, found.st_ino, 0, path, strlen(path), "", 0);
}

static void not_modelled(const char *call) { append('X', 0, 0, call, strlen(call), "", 0); }

/* -- opening and closing ------------------------------------------------------------------- */

static int opened(int fd, int flags) {
    char path[PATH_MAX];
    if (fd < 0 || log_fd < 0) return fd;
    track(fd, 0);
    if (!path_of(fd, path) || !is_inside(path)) return fd;
    if ((flags & O_TMPFILE) == O_TMPFILE) return fd; /* without a name it survives no cut */
    track(fd, 1);
    if (flags & O_CREAT) append('O', inode_of(fd), 0, path, strlen(path), "", 0);
    if (flags & O_TRUNC) append('T', inode_of(fd), 0, "", 0, "", 0);
    return fd;
}

#define MODE(flags)                                                                              \
    mode_t mode = 0;                                                                             \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list more;                                                                            \
        va_start(more, flags);                                                                   \
        mode = va_arg(more, mode_t);                                                             \
        va_end(more);                                                                            \
    }
#define OPEN(name)                                                                               \
    int name(const char *path, int flags, ...) {                                                 \
        MODE(flags)                                                                              \
        return opened(syscall(SYS_openat, AT_FDCWD, path, flags, mode), flags);                  \
    }
#define OPENAT(name)                                                                             \
    int name(int folder, const char *path, int flags, ...) {                                     \
        MODE(flags)                                                                              \
        return opened(syscall(SYS_openat, folder, path, flags, mode), flags);                    \
    }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags) { return open(path, flags); }
int __openat_2(int folder, const char *path, int flags) { return openat(folder, path, flags); }
int __openat64_2(int folder, const char *path, int flags) { return openat(folder, path, flags); }
int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
    if (fd >= 0 && fd == log_fd) return 0; /* whoever closes all he does not know */
    track(fd, 0);
    return syscall(SYS_close, fd);
}

static int doubled(int from, int to) {
    if (to >= 0) track(to, is_tracked(from));
    return to;
}
int dup(int fd) { return doubled(fd, syscall(SYS_dup, fd)); }
int dup2(int fd, int to) { return fd == to ? fd : doubled(fd, syscall(SYS_dup3, fd, to, 0)); }
int dup3(int fd, int to, int flags) { return doubled(fd, syscall(SYS_dup3, fd, to, flags)); }

#define FCNTL(name)                                                                              \
    int name(int fd, int command, ...) {                                                         \
        va_list more;                                                                            \
        va_start(more, command);                                                                 \
        void *argument = va_arg(more, void *);                                                   \
        va_end(more);                                                                            \
        int done = syscall(SYS_fcntl, fd, command, argument);                                    \
        return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? doubled(fd, done) : done;      \
    }
FCNTL(fcntl) FCNTL(fcntl64)

/* -- content ------------------------------------------------------------------------------- */

static void written(int fd, int64_t offset, const void *data, ssize_t length) {
    if (length > 0) append('W', inode_of(fd), offset, "", 0, data, length);
}

static void scattered(int fd, int64_t offset, const struct iovec *parts, int count, ssize_t length) {
    for (int each = 0; each < count && length > 0; each++) {
        ssize_t part = (ssize_t)parts[each].iov_len < length ? (ssize_t)parts[each].iov_len : length;
        written(fd, offset, parts[each].iov_base, part);
        offset += part;
        length -= part;
    }
}

static int64_t position(int fd) { return syscall(SYS_lseek, fd, 0, SEEK_CUR); }

ssize_t write(int fd, const void *data, size_t length) {
    ssize_t done = syscall(SYS_write, fd, data, length);
    if (is_tracked(fd) && done > 0) written(fd, position(fd) - done, data, done);
    return done;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t done = syscall(SYS_writev, fd, parts, count);
    if (is_tracked(fd) && done > 0) scattered(fd, position(fd) - done, parts, count, done);
    return done;
}
#define PWRITE(name)                                                                             \
    ssize_t name(int fd, const void *data, size_t length, off_t offset) {                        \
        ssize_t done = syscall(SYS_pwrite64, fd, data, length, offset);                          \
        if (is_tracked(fd)) written(fd, offset, data, done);                                     \
        return done;                                                                             \
    }
PWRITE(pwrite) PWRITE(pwrite64)
#define PWRITEV(name)                                                                            \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t offset) {                   \
        ssize_t done = syscall(SYS_pwritev, fd, parts, count, (long)offset, (long)0);            \
        if (is_tracked(fd)) scattered(fd, offset, parts, count, done);                           \
        return done;                                                                             \
    }
PWRITEV(pwritev) PWRITEV(pwritev64)

#define FTRUNCATE(name)                                                                          \
    int name(int fd, off_t size) {                                                               \
        int done = syscall(SYS_ftruncate, fd, size);                                             \
        if (done == 0 && is_tracked(fd)) append('T', inode_of(fd), size, "", 0, "", 0);          \
        return done;                                                                             \
    }
FTRUNCATE(ftruncate) FTRUNCATE(ftruncate64)
#define TRUNCATE(name)                                                                           \
    int name(const char *path, off_t size) {                                                     \
        int fd = open(path, O_WRONLY);                                                           \
        if (fd < 0) return -1;                                                                   \
        int done = ftruncate(fd, size);                                                          \
        close(fd);                                                                               \
        return done;                                                                             \
    }
TRUNCATE(truncate) TRUNCATE(truncate64)

static int reserved(int fd, int done) {
    struct stat found;
    if (done == 0 && is_tracked(fd) && fstat(fd, &found) == 0)
        append('T', found.st_ino, found.st_size, "", 0, "", 0);
    return done;
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (mode && is_tracked(fd)) not_modelled("fallocate");
    return reserved(fd, syscall(SYS_fallocate, fd, mode, offset, length));
}
int fallocate64(int fd, int mode, off_t offset, off_t length) {
    return fallocate(fd, mode, offset, length);
}
int posix_fallocate(int fd, off_t offset, off_t length) {
    return fallocate(fd, 0, offset, length) == 0 ? 0 : errno;
}
int posix_fallocate64(int fd, off_t offset, off_t length) {
    return posix_fallocate(fd, offset, length);
}

#define MMAP(name)                                                                               \
    void *name(void *at, size_t length, int protection, int flags, int fd, off_t offset) {       \
        char path[PATH_MAX];                                                                     \
        if (is_tracked(fd) && (flags & MAP_SHARED) && (protection & PROT_WRITE) &&               \
            path_of(fd, path))                                                                   \
            append('P', 0, 0, path, strlen(path), "", 0);                                        \
        return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);             \
    }
MMAP(mmap) MMAP(mmap64)

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t length,
                        unsigned flags) {
    if (is_tracked(to)) not_modelled("copy_file_range");
    return syscall(SYS_copy_file_range, from, at, to, there, length, flags);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
    if (is_tracked(to)) not_modelled("sendfile");
    return syscall(SYS_sendfile, to, from, offset, length);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    return sendfile(to, from, (off_t *)offset, length);
}

/* -- syncing ------------------------------------------------------------------------------- */

static int synced(long call, int fd) {
    if (!is_tracked(fd)) return syscall(call, fd);
    if (drops_syncs) return 0;
    uint64_t inode = inode_of(fd);
    append('F', inode, 0, "", 0, "", 0);
    int done = syscall(call, fd);
    if (done == 0) append('G', inode, 0, "", 0, "", 0);
    return done;
}
int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }

/* -- names --------------------------------------------------------------------------------- */

static int renamed(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char before[PATH_MAX], after[PATH_MAX];
    int is_known = log_fd >= 0 && resolve(from_folder, from, before) && resolve(to_folder, to, after);
    int done = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (done != 0 || !is_known || !(is_inside(before) || is_inside(after))) return done;
    if (flags || !is_inside(before) || !is_inside(after)) not_modelled("rename");
    append('R', 0, 0, before, strlen(before), after, strlen(after));
    return done;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renamed(from_folder, from, to_folder, to, 0);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return renamed(from_folder, from, to_folder, to, flags);
}

int unlinkat(int folder, const char *path, int flags) {
    int done = syscall(SYS_unlinkat, folder, path, flags);
    if (done == 0) name_changed('U', folder, path);
    return done;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdirat(int folder, const char *path, mode_t mode) {
    int done = syscall(SYS_mkdirat, folder, path, mode);
    if (done == 0) name_changed('M', folder, path);
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char path[PATH_MAX];
    if (log_fd >= 0 && resolve(to_folder, to, path) && is_inside(path)) not_modelled("link");
    return syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int symlinkat(const char *target, int folder, const char *to) {
    char path[PATH_MAX];
    if (log_fd >= 0 && resolve(folder, to, path) && is_inside(path)) not_modelled("symlink");
    return syscall(SYS_symlinkat, target, folder, to);
}
int symlink(const char *target, const char *to) { return symlinkat(target, AT_FDCWD, to); }
