/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails when it is told to, for real processes: LD_PRELOAD=libfaultdisk.so. It stands
 * between a program and the system calls that write, sync, name and unname the files below one
 * directory. tests/conformance/faultdisk.py holds the other end.
 *
 *     FAULTDISK_ROOT     the directory, an absolute path
 *     FAULTDISK_CONTROL  a file of one struct control, mapped by both sides
 *     FAULTDISK_LEDGER   what is safe: a line for each sync; NULL: nothing is noted
 *     FAULTDISK_GRAVES   a directory on the same file system: files that were unnamed
 *
 * A line of the ledger is "S INODE BYTES" after a file was synced, and "D INODES..." after a
 * directory was: "D PATH NAME INODE NAME INODE ...", with tabs between. A name that is unlinked, or
 * that a rename takes over, first gets a second one among the graves, its inode's number: a
 * power loss may bring it back. So what a power loss may leave follows from the ledger, the graves
 * and the directory.
 *
 * Which calls fail: those of the mask `calls`, from number `first` on after arming, `count` of
 * them, with `error`; a sync with error 0 does nothing and says that it did. And calls of the mask
 * `slow` take `slow_us` longer. */
#undef _FILE_OFFSET_BITS /* else one name would be defined as another */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CALL_WRITE = 1, CALL_SYNC = 2, CALL_NAME = 4, CALL_READ = 8 };
enum { LINE_BYTES_MAX = 1 << 16 };

/* Offsets: 0, 4, 8, 12, 16, 24, 32, 40, 48. */
struct control {
    _Atomic uint32_t calls;
    _Atomic uint32_t error;
    _Atomic uint32_t slow;
    _Atomic uint32_t slow_us;
    _Atomic uint64_t first; /* 1: the next one */
    _Atomic uint64_t count;
    _Atomic uint64_t seen;   /* calls of the mask since it was armed */
    _Atomic uint64_t failed; /* of them, how many were made to fail */
    _Atomic uint64_t slowed;
};

static struct control *control;
static const char *root;
static size_t root_len;
static const char *graves;
static int ledger = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTDISK_CONTROL");

    root = getenv("FAULTDISK_ROOT");
    graves = getenv("FAULTDISK_GRAVES");
    if (path == NULL || root == NULL)
        return;
    root_len = strlen(root);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        _exit(99);
    syscall(SYS_close, fd);
    control = map;
    path = getenv("FAULTDISK_LEDGER");
    if (path != NULL)
        ledger = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                              0600);
}

static bool path_below(const char *path)
{
    return control != NULL && strncmp(path, root, root_len) == 0 &&
           (path[root_len] == '/' || path[root_len] == '\0');
}

/* The path of a descriptor below the root. */
static bool fd_below(int fd, char path[PATH_MAX])
{
    char link[64];

    if (control == NULL)
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, PATH_MAX - 1);
    if (len <= 0)
        return false;
    path[len] = '\0';
    return path_below(path);
}

static void sleep_us(uint64_t us)
{
    struct timespec rest = {.tv_sec = (time_t)(us / 1000000),
                            .tv_nsec = (long)(us % 1000000) * 1000};

    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        continue;
}

/* Whether this call fails: then errno is set. */
static bool fails(uint32_t call)
{
    if ((atomic_load(&control->slow) & call) != 0) {
        atomic_fetch_add(&control->slowed, 1);
        sleep_us(atomic_load(&control->slow_us));
    }
    if ((atomic_load(&control->calls) & call) == 0)
        return false;
    uint64_t number = atomic_fetch_add(&control->seen, 1) + 1;
    uint64_t first = atomic_load(&control->first);
    if (number < first || number - first >= atomic_load(&control->count))
        return false;
    atomic_fetch_add(&control->failed, 1);
    errno = (int)atomic_load(&control->error);
    return true;
}

static bool fd_fails(int fd, uint32_t call)
{
    char path[PATH_MAX];

    return fd_below(fd, path) && fails(call);
}

static void note(const char *line, size_t len)
{
    if (ledger >= 0 && syscall(SYS_write, ledger, line, len) != (long)len)
        _exit(99);
}

static void note_file(const struct stat *st)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "S\t%llu\t%llu\n", (unsigned long long)st->st_ino,
                       (unsigned long long)st->st_size);

    note(line, (size_t)len);
}

static size_t list_directory(const char *path, char *line)
{
    size_t len = (size_t)snprintf(line, LINE_BYTES_MAX, "D\t%s", path);
    DIR *list = opendir(path);

    if (list == NULL)
        _exit(99);
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        if (entry->d_name[0] == '.')
            continue;
        if (len > LINE_BYTES_MAX - NAME_MAX - 64)
            _exit(99);
        len += (size_t)snprintf(line + len, LINE_BYTES_MAX - len, "\t%s\t%llu", entry->d_name,
                                (unsigned long long)entry->d_ino);
    }
    closedir(list);
    line[len++] = '\n';
    return len;
}

/* A sync. What is noted is what stood there before it began. */
static int sync_fd(long number, int fd)
{
    static _Thread_local char line[LINE_BYTES_MAX];
    char path[PATH_MAX];
    struct stat st;
    size_t len = 0;

    if (!fd_below(fd, path))
        return (int)syscall(number, fd);
    if (fails(CALL_SYNC))
        return errno == 0 ? 0 : -1;
    bool known = fstat(fd, &st) == 0;
    if (known && S_ISDIR(st.st_mode))
        len = list_directory(path, line);
    int result = (int)syscall(number, fd);
    if (result == 0 && len > 0)
        note(line, len);
    else if (result == 0 && known)
        note_file(&st);
    return result;
}

/* Before a name goes. */
static void bury(int dir, const char *path)
{
    char grave[PATH_MAX];
    struct stat st;

    if (graves == NULL || fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return;
    snprintf(grave, sizeof(grave), "%s/%llu", graves, (unsigned long long)st.st_ino);
    (void)syscall(SYS_linkat, dir, path, AT_FDCWD, grave, 0);
}

int fsync(int fd)
{
    return sync_fd(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_fd(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *data, size_t len)
{
    return fd_fails(fd, CALL_WRITE) ? -1 : syscall(SYS_write, fd, data, len);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    return fd_fails(fd, CALL_WRITE) ? -1 : syscall(SYS_writev, fd, pieces, count);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return fd_fails(fd, CALL_WRITE) ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    return pwrite(fd, data, len, at);
}

ssize_t pread(int fd, void *data, size_t len, off_t at)
{
    return fd_fails(fd, CALL_READ) ? -1 : syscall(SYS_pread64, fd, data, len, at);
}

ssize_t pread64(int fd, void *data, size_t len, off64_t at)
{
    return pread(fd, data, len, at);
}

int unlink(const char *path)
{
    if (path_below(path)) {
        if (fails(CALL_NAME))
            return -1;
        bury(AT_FDCWD, path);
    }
    return (int)syscall(SYS_unlink, path);
}

int rename(const char *from, const char *to)
{
    if (path_below(to)) {
        if (fails(CALL_NAME))
            return -1;
        bury(AT_FDCWD, from);
        bury(AT_FDCWD, to);
    }
    return (int)syscall(SYS_rename, from, to);
}
