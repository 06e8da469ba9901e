/* SPDX-License-Identifier: Apache-2.0 */
/* Data directories: made, found again, refused; addresses; lines of the log. */
#include "tap.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/address.h"
#include "server/datadir.h"
#include "server/facts.h"
#include "server/log.h"
#include "server/notify.h"

struct place {
    char root[64];
    char path[128]; /* below the root, not made yet */
};

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static struct place place_new(void)
{
    struct place place = {"/tmp/dassie-dir-XXXXXX", ""};

    if (mkdtemp(place.root) == NULL)
        exit(1);
    snprintf(place.path, sizeof(place.path), "%s/a/b", place.root);
    return place;
}

static void place_done(const struct place *place)
{
    nftw(place->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void put_file(const struct place *place, const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", place->path, name);
    FILE *file = fopen(path, "w");
    CHECK_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
}

TEST(a_directory_is_made_and_found_again)
{
    struct place place = place_new();
    struct datadir dir;
    struct why why = {""};

    CHECK_EQ_FATAL(datadir_open(&dir, place.path, "alpha", 2, &why), EXIT_STATUS_OK);
    CHECK(dir.fresh);
    CHECK_STR(dir.name, "alpha");
    CHECK_EQ(dir.shards, 2);
    CHECK(strstr(dir.engine_path, "/a/b/db") != NULL);
    datadir_close(&dir);

    CHECK_EQ_FATAL(datadir_open(&dir, place.path, NULL, 2, &why), EXIT_STATUS_OK);
    CHECK(!dir.fresh);
    CHECK_STR(dir.name, "alpha");
    datadir_close(&dir);
    place_done(&place);
}

TEST(a_nameless_node_gets_a_name_for_good)
{
    struct place place = place_new();
    struct datadir dir;
    struct why why = {""};
    char name[256];

    CHECK_EQ_FATAL(datadir_open(&dir, place.path, NULL, 1, &why), EXIT_STATUS_OK);
    snprintf(name, sizeof(name), "%s", dir.name);
    CHECK(strncmp(name, "node-", 5) == 0);
    datadir_close(&dir);
    CHECK_EQ_FATAL(datadir_open(&dir, place.path, NULL, 1, &why), EXIT_STATUS_OK);
    CHECK_STR(dir.name, name);
    datadir_close(&dir);
    place_done(&place);
}

TEST(a_directory_has_one_user)
{
    struct place place = place_new();
    struct datadir dir, second;
    struct why why = {""};
    char expected[64];

    CHECK_EQ_FATAL(datadir_open(&dir, place.path, "alpha", 1, &why), EXIT_STATUS_OK);
    CHECK_EQ(datadir_open(&second, place.path, "alpha", 1, &why), EXIT_STATUS_BUSY);
    snprintf(expected, sizeof(expected), "in use by process %ld", (long)getpid());
    CHECK(strstr(why.text, expected) != NULL);
    datadir_close(&dir);
    CHECK_EQ(datadir_open(&second, place.path, "alpha", 1, &why), EXIT_STATUS_OK);
    datadir_close(&second);
    place_done(&place);
}

static void check_refused(const struct place *place, enum exit_status status, const char *text)
{
    struct datadir dir;
    struct why why = {""};

    CHECK_EQ(datadir_open(&dir, place->path, "alpha", 1, &why), status);
    CHECK(strstr(why.text, text) != NULL);
    CHECK(strstr(why.text, place->path) != NULL);
    CHECK_EQ(dir.lock_fd, -1);
}

TEST(other_directories_are_refused)
{
    struct place place = place_new();
    struct datadir dir;
    struct why why = {""};

    CHECK_EQ_FATAL(datadir_open(&dir, place.path, "alpha", 1, &why), EXIT_STATUS_OK);
    datadir_close(&dir);
    put_file(&place, "format", "dassie 1\nname beta\nshards 1\n");
    check_refused(&place, EXIT_STATUS_DATA, "belongs to node beta");
    put_file(&place, "format", "dassie 1\nname alpha\nshards 4\n");
    check_refused(&place, EXIT_STATUS_DATA, "made for 4 shards");
    put_file(&place, "format", "dassie 2\nname alpha\nshards 1\n");
    check_refused(&place, EXIT_STATUS_DATA, "format 2, made by a newer release");
    put_file(&place, "format", "dassie 1\nshards 1\n");
    check_refused(&place, EXIT_STATUS_DATA, "damaged");
    put_file(&place, "format", "");
    check_refused(&place, EXIT_STATUS_DATA, "damaged");
    put_file(&place, "format", "dassie 1\nname alpha\nshards 1\n");
    CHECK_EQ(datadir_open(&dir, place.path, "alpha", 1, &why), EXIT_STATUS_OK);
    datadir_close(&dir);
    place_done(&place);
}

TEST(foreign_files_are_left_alone)
{
    struct place place = place_new();
    struct datadir dir;
    struct why why = {""};
    char parent[128];

    snprintf(parent, sizeof(parent), "%s/a", place.root);
    mkdir(parent, 0700);
    mkdir(place.path, 0700);
    put_file(&place, "thesis.txt", "years of work");
    check_refused(&place, EXIT_STATUS_DATA, "holds thesis.txt");
    put_file(&place, "plain", "");
    snprintf(place.path, sizeof(place.path), "%s/a/b/plain/c", place.root);
    CHECK_EQ(datadir_open(&dir, place.path, "alpha", 1, &why), EXIT_STATUS_CREATE);
    CHECK_EQ(datadir_open(&dir, "", "alpha", 1, &why), EXIT_STATUS_USAGE);
    CHECK_EQ(datadir_open(&dir, place.root, "no blanks", 1, &why), EXIT_STATUS_CONFIG);
    place_done(&place);
}

TEST(addresses)
{
    static const struct {
        const char *text, *host;
        int port; /* -1: refused */
    } cases[] = {
        {"127.0.0.1:8087", "127.0.0.1", 8087},
        {"[::1]:0", "::1", 0},
        {"db.example.com:65535", "db.example.com", 65535},
        {":80", "", 80},
        {" host:1 ", "host", 1},
        {"host", "", -1},
        {"host:", "", -1},
        {"host:65536", "", -1},
        {"host:8a", "", -1},
        {"::1:80", "", -1},
        {"[::1]", "", -1},
        {"[::1]80", "", -1},
        {"[::1:80", "", -1},
        {"", "", -1},
        {":", "", -1},
        {"host:-1", "", -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address address;
        bool good = address_parse(bytes_str(cases[i].text), &address);
        CHECK_EQ(good, cases[i].port >= 0);
        if (good && cases[i].port >= 0) {
            CHECK_STR(address.host, cases[i].host);
            CHECK_EQ(address.port, cases[i].port);
        }
    }
}

TEST(socket_addresses)
{
    static const struct {
        const char *text;
        bool loopback, any;
    } cases[] = {
        {"127.0.0.1:8087", true, false}, {"127.9.9.9:1", true, false},
        {"10.0.0.1:1", false, false},    {"0.0.0.0:5", false, true},
        {"[::1]:8087", true, false},     {"[::]:5", false, true},
        {"[fe80::1]:443", false, false}, {"[::ffff:127.0.0.1]:7", true, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address address;
        struct sockaddr_storage socket;
        char text[ADDRESS_BYTES_MAX];

        CHECK_FATAL(address_parse(bytes_str(cases[i].text), &address));
        CHECK_FATAL(address_numeric(&address, &socket));
        const struct sockaddr *plain = (const struct sockaddr *)&socket;
        address_text(plain, text);
        CHECK_STR(text, cases[i].text);
        CHECK_EQ(address_is_loopback(plain), cases[i].loopback);
        CHECK_EQ(address_is_any(plain), cases[i].any);
        address_set_port((struct sockaddr *)&socket, 99);
        CHECK_EQ(address_port(plain), 99);
    }
    struct address name;
    struct sockaddr_storage socket;
    CHECK(address_parse(BYTES_LIT("localhost:1"), &name));
    CHECK(!address_numeric(&name, &socket));
}

/* What was written to the other end of a pipe. */
static size_t read_text(int fd, char *to, size_t size)
{
    ssize_t got = read(fd, to, size - 1);

    to[got < 0 ? 0 : got] = '\0';
    return got < 0 ? 0 : (size_t)got;
}

TEST(lines_have_time_level_and_text)
{
    char text[8192];
    struct log log;
    int ends[2];

    CHECK_FATAL(pipe2(ends, O_NONBLOCK) == 0);
    log_init(&log, ends[1], TRACE_INFO);
    log_line(&log, TRACE_DEBUG, "not wanted");
    log_line(&log, TRACE_WARN, "number %d\nforged line", 7);
    read_text(ends[0], text, sizeof(text));
    CHECK_EQ(strlen(text), strlen("2026-01-01T00:00:00.000Z warn  number 7?forged line\n"));
    CHECK_STR(text + 24, " warn  number 7?forged line\n");

    struct trace trace = {TRACE_WRONG_OWNER, {12, 34, 56}};
    log_trace(&log, UINT64_C(1700000000123456), &trace);
    read_text(ends[0], text, sizeof(text));
    CHECK_STR(text, "2023-11-14T22:13:20.123Z info  node 0000000000000022 asked for partition 12, "
                    "which is not here\n");
    /* Errors have names. */
    trace = (struct trace){TRACE_COMMIT_FAILED, {ERR_NO_SPACE, 0, 0}};
    log_trace(&log, UINT64_C(1700000000123456), &trace);
    read_text(ends[0], text, sizeof(text));
    CHECK_STR(text, "2023-11-14T22:13:20.123Z error commit failed: err no space left\n");
    trace.kind = TRACE_WRONG_OWNER;
    log.level = TRACE_ERROR;
    log_trace(&log, UINT64_C(1700000000123456), &trace);
    CHECK_EQ(read_text(ends[0], text, sizeof(text)), 0);
    close(ends[0]);
    close(ends[1]);
}

TEST(a_flood_is_counted_not_written)
{
    struct trace trace = {TRACE_OVERLOAD, {1, 2, 3}};
    uint64_t now = UINT64_C(1700000000000000);
    char text[16384];
    uint32_t lines = 0;
    struct log log;
    int ends[2];

    CHECK_FATAL(pipe2(ends, O_NONBLOCK) == 0);
    log_init(&log, ends[1], TRACE_INFO);
    for (int i = 0; i < 1000; i++)
        log_trace(&log, now, &trace);
    read_text(ends[0], text, sizeof(text));
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    CHECK_EQ(lines, LOG_KIND_LINES_MAX);
    log_second(&log, now + 1000000);
    read_text(ends[0], text, sizeof(text));
    CHECK(strstr(text, "990 more lines in a second like: request refused") != NULL);
    log_second(&log, now + 2000000);
    CHECK_EQ(read_text(ends[0], text, sizeof(text)), 0);
    close(ends[0]);
    close(ends[1]);
}

TEST(level_names)
{
    enum trace_level level = TRACE_DEBUG;

    CHECK(log_level_parse(BYTES_LIT("Warning"), &level));
    CHECK_EQ(level, TRACE_WARN);
    CHECK(log_level_parse(BYTES_LIT("error"), &level));
    CHECK_EQ(level, TRACE_ERROR);
    CHECK(log_level_parse(BYTES_LIT("debug"), &level));
    CHECK_EQ(level, TRACE_DEBUG);
    CHECK(!log_level_parse(BYTES_LIT("loud"), &level));
}

TEST(the_manager_is_notified)
{
    struct place place = place_new();
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char got[64] = "";

    snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", place.root);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_FATAL(fd >= 0);
    CHECK_FATAL(bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    notify_state("READY=1");
    unsetenv("NOTIFY_SOCKET");
    notify_state("READY=0");
    CHECK_EQ(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
    CHECK_STR(got, "READY=1");
    CHECK_EQ(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
    close(fd);
    place_done(&place);
}

TEST(the_system_is_known)
{
    struct host_facts facts = {.connections_pb = 5};

    uint64_t limit = facts_raise_descriptors();
    facts_of_system("/tmp", &facts);
    CHECK(limit >= 64);
    CHECK_EQ(facts.fds_max, limit);
    CHECK(facts.fds_open >= 3 && facts.fds_open < 100);
    CHECK(facts.memory_rss > 100000 && facts.memory_rss < facts.memory_total);
    CHECK(facts.disk_free <= facts.disk_total && facts.disk_total > 0);
    CHECK_EQ(facts.connections_pb, 5);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_directory_is_made_and_found_again),
        T(a_nameless_node_gets_a_name_for_good),
        T(a_directory_has_one_user),
        T(other_directories_are_refused),
        T(foreign_files_are_left_alone),
        T(addresses),
        T(socket_addresses),
        T(lines_have_time_level_and_text),
        T(a_flood_is_counted_not_written),
        T(level_names),
        T(the_manager_is_notified),
        T(the_system_is_known),
    };
    return tap_main(argc, argv, tests);
}
