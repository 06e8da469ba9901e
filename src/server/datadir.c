/* SPDX-License-Identifier: Apache-2.0 */
#include "server/datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/check.h"
#include "server/ballast.h"
#include "server/limits.h"

enum {
    FORMAT_BYTES_MAX = 1024,
    PROBE_BYTES = 64 * 1024,
    FILE_MODE = 0640,
    DIR_MODE = 0750,
    DISCARD_FDS = 16
};

static enum exit_status refuse(struct why *why, enum exit_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

static enum exit_status refuse(struct why *why, enum exit_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    ASSERT(len > 0);
    return status;
}

/* What a failed system call means for the process. */
static enum exit_status refuse_errno(struct why *why, const char *path, const char *what)
{
    int error = errno;
    enum exit_status status = EXIT_STATUS_IO;

    if (error == EACCES || error == EPERM || error == EROFS)
        status = EXIT_STATUS_PERMISSION;
    else if (error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG)
        status = EXIT_STATUS_CREATE;
    else if (error == EMFILE || error == ENFILE || error == ENOMEM)
        status = EXIT_STATUS_OS;
    return refuse(why, status, "%s: %s: %s", path, what, strerror(error));
}

static bool join(char to[PATH_MAX], const char *dir, const char *name)
{
    int len = snprintf(to, PATH_MAX, "%s/%s", dir, name);

    return len > 0 && len < PATH_MAX;
}

static enum exit_status make_directories(const char *path, struct why *why)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part) - sizeof("/format.new"))
        return refuse(why, EXIT_STATUS_USAGE, "%s: no path for a data directory", path);
    for (size_t at = 1; at <= len; at++) {
        if (path[at] != '/' && path[at] != '\0')
            continue;
        memcpy(part, path, at);
        part[at] = '\0';
        if (mkdir(part, DIR_MODE) != 0 && errno != EEXIST)
            return refuse_errno(why, part, "cannot make the directory");
    }
    return EXIT_STATUS_OK;
}

static enum exit_status take_lock(struct datadir *dir, struct why *why)
{
    char path[PATH_MAX], text[32] = "";

    if (!join(path, dir->path, "lock"))
        return refuse(why, EXIT_STATUS_USAGE, "%s: path too long", dir->path);
    dir->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (dir->lock_fd < 0)
        return refuse_errno(why, path, "cannot open the lock");
    if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return refuse_errno(why, path, "cannot lock");
        ssize_t got = pread(dir->lock_fd, text, sizeof(text) - 1, 0);
        long pid = got > 0 ? strtol(text, NULL, 10) : 0;
        return refuse(why, EXIT_STATUS_BUSY, "%s: in use by process %ld", dir->path, pid);
    }
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(dir->lock_fd, 0) != 0 || pwrite(dir->lock_fd, text, (size_t)len, 0) != len)
        return refuse_errno(why, path, "cannot write the lock");
    return EXIT_STATUS_OK;
}

/* Another one's files are never mixed with ours. */
static enum exit_status check_empty(const struct datadir *dir, struct why *why)
{
    DIR *list = opendir(dir->path);
    enum exit_status status = EXIT_STATUS_OK;

    if (list == NULL)
        return refuse_errno(why, dir->path, "cannot list the directory");
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        static const char *const known[] = {".", "..", "lock", "lost+found", "format.new"};
        bool ours = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            ours = ours || strcmp(entry->d_name, known[i]) == 0;
        if (!ours)
            status = refuse(why, EXIT_STATUS_DATA,
                            "%s: is not empty and is no data directory: it holds %s", dir->path,
                            entry->d_name);
    }
    closedir(list);
    return status;
}

static enum exit_status sync_directory(const struct datadir *dir, struct why *why)
{
    int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return refuse_errno(why, dir->path, "cannot open the directory");
    bool synced = fsync(fd) == 0;
    close(fd);
    return synced ? EXIT_STATUS_OK : refuse_errno(why, dir->path, "cannot sync the directory");
}

/* Writes a whole file and syncs it. */
static enum exit_status write_file(const char *path, const char *text, size_t len, struct why *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);

    if (fd < 0)
        return refuse_errno(why, path, "cannot make the file");
    size_t at = 0;
    while (at < len) {
        ssize_t done = write(fd, text + at, len - at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break;
        at += (size_t)done;
    }
    bool written = at == len && fsync(fd) == 0;
    enum exit_status status = written ? EXIT_STATUS_OK : refuse_errno(why, path, "cannot write");
    close(fd);
    return status;
}

static enum exit_status write_format(const struct datadir *dir, struct why *why)
{
    char path[PATH_MAX], fresh[PATH_MAX], text[FORMAT_BYTES_MAX];
    int len = snprintf(text, sizeof(text), "dassie %d\nname %s\nshards %u\n", DATADIR_FORMAT,
                       dir->name, dir->shards);

    ASSERT(len > 0 && (size_t)len < sizeof(text));
    if (!join(path, dir->path, "format") || !join(fresh, dir->path, "format.new"))
        return refuse(why, EXIT_STATUS_USAGE, "%s: path too long", dir->path);
    enum exit_status status = write_file(fresh, text, (size_t)len, why);
    if (status != EXIT_STATUS_OK)
        return status;
    if (rename(fresh, path) != 0)
        return refuse_errno(why, path, "cannot put the file in place");
    return sync_directory(dir, why);
}

/* One line "word value" from the text; empty when the word is another one. */
static struct bytes take_line(struct bytes *text, const char *word)
{
    size_t end = bytes_find(*text, '\n', 0);
    struct bytes line = bytes_sub(*text, 0, end), wanted = bytes_str(word);

    *text = bytes_sub(*text, end + 1, text->len);
    if (!bytes_starts(line, wanted) || line.len <= wanted.len + 1 || line.data[wanted.len] != ' ')
        return BYTES_NONE;
    return bytes_sub(line, wanted.len + 1, line.len);
}

static enum exit_status parse_format(struct datadir *dir, struct bytes text, struct why *why)
{
    uint64_t format = 0, shards = 0;
    struct bytes number = take_line(&text, "dassie");
    struct bytes name = take_line(&text, "name");
    struct bytes count = take_line(&text, "shards");

    if (!bytes_to_u64(number, &format))
        return refuse(why, EXIT_STATUS_DATA, "%s: the file `format` is damaged", dir->path);
    if (format > DATADIR_FORMAT)
        return refuse(why, EXIT_STATUS_DATA,
                      "%s: has format %llu, made by a newer release; this one reads up to %d",
                      dir->path, (unsigned long long)format, DATADIR_FORMAT);
    if (format == 0 || name.len == 0 || name.len > DATADIR_NAME_BYTES_MAX ||
        !bytes_to_u64(count, &shards) || shards == 0 || shards > UINT32_MAX)
        return refuse(why, EXIT_STATUS_DATA, "%s: the file `format` is damaged", dir->path);
    memcpy(dir->name, name.data, name.len);
    dir->name[name.len] = '\0';
    dir->shards = (uint32_t)shards;
    return EXIT_STATUS_OK;
}

/* Reads the file, if there is one. */
static enum exit_status read_format(struct datadir *dir, bool *ret_found, struct why *why)
{
    char path[PATH_MAX], text[FORMAT_BYTES_MAX];

    *ret_found = false;
    if (!join(path, dir->path, "format"))
        return refuse(why, EXIT_STATUS_USAGE, "%s: path too long", dir->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? EXIT_STATUS_OK : refuse_errno(why, path, "cannot read");
    ssize_t got = read(fd, text, sizeof(text));
    enum exit_status status = got < 0 ? refuse_errno(why, path, "cannot read")
                                      : parse_format(dir, bytes_of(text, (size_t)got), why);
    close(fd);
    *ret_found = status == EXIT_STATUS_OK;
    return status;
}

static bool name_valid(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] <= ' ' || name[i] == 127)
            return false;
    }
    return len > 0 && len <= DATADIR_NAME_BYTES_MAX;
}

static enum exit_status make_format(struct datadir *dir, const char *name, uint32_t shards,
                                    struct why *why)
{
    uint32_t number = 0;
    enum exit_status status = check_empty(dir, why);

    if (status != EXIT_STATUS_OK)
        return status;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return refuse_errno(why, dir->path, "no random number");
    int len = name != NULL ? snprintf(dir->name, sizeof(dir->name), "%s", name)
                           : snprintf(dir->name, sizeof(dir->name), "node-%08x", number);
    ASSERT(len > 0 && (size_t)len < sizeof(dir->name));
    dir->shards = shards;
    dir->fresh = true;
    return write_format(dir, why);
}

static enum exit_status free_bytes(const struct datadir *dir, uint64_t *ret_free, struct why *why)
{
    struct statvfs fs;

    if (statvfs(dir->path, &fs) != 0)
        return refuse_errno(why, dir->path, "cannot look at the file system");
    *ret_free = (uint64_t)fs.f_bavail * fs.f_frsize;
    return EXIT_STATUS_OK;
}

/* A disk that is full, or takes no writes, is found out now and not by the first client. */
static enum exit_status probe_disk(const struct datadir *dir, struct why *why)
{
    static const char nothing[PROBE_BYTES];
    char path[PATH_MAX];
    uint64_t bytes = 0;
    enum exit_status status = free_bytes(dir, &bytes, why);

    /* The engine writes while it opens: this is the hour for which the ballast was kept. */
    if (status == EXIT_STATUS_OK && bytes < DISK_FREE_BYTES_LOW &&
        join(path, dir->path, BALLAST_NAME) && unlink(path) == 0)
        status = free_bytes(dir, &bytes, why);
    if (status != EXIT_STATUS_OK)
        return status;
    if (bytes < DISK_FREE_BYTES_MIN)
        return refuse(why, EXIT_STATUS_IO, "%s: the disk is full: %llu MiB free, %d needed",
                      dir->path, (unsigned long long)(bytes >> 20), DISK_FREE_BYTES_MIN >> 20);
    if (!join(path, dir->path, "probe"))
        return refuse(why, EXIT_STATUS_USAGE, "%s: path too long", dir->path);
    status = write_file(path, nothing, sizeof(nothing), why);
    unlink(path);
    return status;
}

static enum exit_status open_locked(struct datadir *dir, const char *name, uint32_t shards,
                                    struct why *why)
{
    bool found = false;
    enum exit_status status = read_format(dir, &found, why);

    if (status != EXIT_STATUS_OK)
        return status;
    status = probe_disk(dir, why);
    if (status != EXIT_STATUS_OK)
        return status;
    if (!found)
        return make_format(dir, name, shards, why);
    if (name != NULL && strcmp(name, dir->name) != 0)
        return refuse(why, EXIT_STATUS_DATA, "%s: belongs to node %s, not to %s", dir->path,
                      dir->name, name);
    if (dir->shards != shards)
        return refuse(why, EXIT_STATUS_DATA, "%s: was made for %u shards, not for %u", dir->path,
                      dir->shards, shards);
    return EXIT_STATUS_OK;
}

enum exit_status datadir_open(struct datadir *dir, const char *path, const char *name,
                              uint32_t shards, struct why *ret_why)
{
    ASSERT(shards > 0);
    memset(dir, 0, sizeof(*dir));
    dir->lock_fd = -1;
    if (name != NULL && !name_valid(name))
        return refuse(ret_why, EXIT_STATUS_CONFIG, "the node name must be 1 to %d bytes, no blanks",
                      DATADIR_NAME_BYTES_MAX);
    enum exit_status status = make_directories(path, ret_why);
    if (status != EXIT_STATUS_OK)
        return status;
    memcpy(dir->path, path, strlen(path) + 1);
    if (!join(dir->engine_path, path, "db"))
        return refuse(ret_why, EXIT_STATUS_USAGE, "%s: path too long", path);
    status = take_lock(dir, ret_why);
    if (status == EXIT_STATUS_OK)
        status = open_locked(dir, name, shards, ret_why);
    if (status != EXIT_STATUS_OK)
        datadir_close(dir);
    return status;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

enum exit_status datadir_discard(const struct datadir *dir, struct why *ret_why)
{
    if (nftw(dir->engine_path, remove_entry, DISCARD_FDS, FTW_DEPTH | FTW_PHYS) != 0 &&
        errno != ENOENT)
        return refuse_errno(ret_why, dir->engine_path, "cannot throw it away");
    return sync_directory(dir, ret_why);
}

void datadir_close(struct datadir *dir)
{
    if (dir->lock_fd >= 0)
        close(dir->lock_fd);
    dir->lock_fd = -1;
}
