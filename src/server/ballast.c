/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "server/limits.h"

enum { FILE_MODE = 0640, BLOCK_BYTES = 512, MIB_SHIFT = 20 };

/* What it holds is asked of the file: it may have been deleted by hand. */
static void look(struct ballast *ballast)
{
    struct stat st;

    ballast->held = stat(ballast->path, &st) == 0 && S_ISREG(st.st_mode)
                        ? (uint64_t)st.st_blocks * BLOCK_BYTES
                        : 0;
}

void ballast_init(struct ballast *ballast, const char *data_path, uint64_t wanted)
{
    int len = snprintf(ballast->path, sizeof(ballast->path), "%s/%s", data_path, BALLAST_NAME);

    ballast->wanted = wanted;
    ballast->rest_us = 0;
    ballast->unable = len < 0 || (size_t)len >= sizeof(ballast->path);
    ballast->held = 0;
    if (!ballast->unable)
        look(ballast);
}

static bool allocate(const struct ballast *ballast)
{
    int fd = open(ballast->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

    if (fd < 0)
        return false;
    /* Not posix_fallocate: where the file system cannot promise space that one writes zeros, and
     * the loop would wait for all of them. */
    bool done = fallocate(fd, 0, 0, (off_t)ballast->wanted) == 0;
    int error = errno;
    close(fd);
    if (!done)
        unlink(ballast->path);
    errno = error;
    return done;
}

static void make(struct ballast *ballast, uint64_t now_us, struct log *log)
{
    ASSERT(ballast->wanted > 0);
    if (allocate(ballast)) {
        log_line(log, TRACE_INFO, "%s: %llu MiB are kept for a full disk", ballast->path,
                 (unsigned long long)(ballast->wanted >> MIB_SHIFT));
    } else if (errno == EOPNOTSUPP || errno == ENOSYS) {
        ballast->unable = true;
        log_line(log, TRACE_WARN, "%s: this file system cannot keep space for a full disk",
                 ballast->path);
    } else {
        log_line(log, TRACE_WARN, "%s: cannot be made: %s", ballast->path, strerror(errno));
        ballast->rest_us = now_us + (uint64_t)BALLAST_REST_S * 1000000;
    }
    look(ballast);
}

void ballast_second(struct ballast *ballast, const struct host_facts *facts, uint64_t free_min,
                    uint64_t now_us, struct log *log)
{
    if (ballast->unable)
        return;
    look(ballast);
    if (ballast->held >= ballast->wanted || now_us < ballast->rest_us)
        return;
    uint64_t needed = free_min + free_min / 4 + ballast->wanted - ballast->held;
    if (facts->disk_total > 0 && facts->disk_free >= needed)
        make(ballast, now_us, log);
}

bool ballast_give(struct ballast *ballast, uint64_t now_us, struct log *log)
{
    if (ballast->unable || ballast->held == 0)
        return false;
    ballast->rest_us = now_us + (uint64_t)BALLAST_REST_S * 1000000;
    if (unlink(ballast->path) != 0) {
        log_line(log, TRACE_ERROR, "%s: cannot be deleted: %s", ballast->path, strerror(errno));
        return false;
    }
    log_line(log, TRACE_ERROR, "%s: the disk is full: %llu MiB are given away", ballast->path,
             (unsigned long long)(ballast->held >> MIB_SHIFT));
    ballast->held = 0;
    return true;
}
