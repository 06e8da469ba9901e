/* SPDX-License-Identifier: Apache-2.0 */
#include "server/facts.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { US_PER_S = 1000000 };

static uint64_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_descriptors(void)
{
    uint64_t count = 0;
    struct stat st;

    /* Newer kernels tell the number as the size of the directory; listing is slow with many. */
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (uint64_t)st.st_size;
    DIR *list = opendir("/proc/self/fd");
    if (list == NULL)
        return 0;
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    /* Not the entries . and .., nor the descriptor of the list. */
    return count > 3 ? count - 3 : 0;
}

static uint64_t us_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * US_PER_S + (uint64_t)time.tv_usec;
}

void facts_of_system(const char *data_path, struct host_facts *facts)
{
    struct sysinfo machine;
    struct rusage usage;
    struct statvfs fs;
    struct rlimit limit;

    if (sysinfo(&machine) == 0)
        facts->memory_total = (uint64_t)machine.totalram * machine.mem_unit;
    facts->memory_rss = resident_bytes();
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        facts->cpu_user_us = us_of(usage.ru_utime);
        facts->cpu_system_us = us_of(usage.ru_stime);
    }
    if (data_path != NULL && statvfs(data_path, &fs) == 0) {
        facts->disk_total = (uint64_t)fs.f_blocks * fs.f_frsize;
        facts->disk_free = (uint64_t)fs.f_bavail * fs.f_frsize;
        /* Without room for the name of one more file the rest is of no use. */
        if (fs.f_files > 0 && fs.f_favail == 0)
            facts->disk_free = 0;
    }
    facts->fds_open = open_descriptors();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        facts->fds_max = limit.rlim_cur;
}

uint64_t facts_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            limit.rlim_cur = before;
    }
    return limit.rlim_cur;
}
