/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/herd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/cli.h"
#include "cli/endpoint.h"

enum {
    STOP_SECONDS = 12, /* a node says that it takes ten at most */
    POLL_MS = 10,
    READY_TIMEOUT_MS = 1000,
    LOG_TAIL_BYTES = 2000,
    PORTS_TRIED_MAX = 1000,
    ARGUMENTS_MAX = 64,
    FOLDER_DEPTH_MAX = 16, /* descriptors that removing it may use */
};

static bool named(const struct herd *herd, uint16_t port)
{
    for (uint32_t i = 0; i < herd->count; i++) {
        const struct herd_node *node = &herd->nodes[i];
        if (node->pb == port || node->http == port || node->peer == port)
            return true;
    }
    return false;
}

static void sleep_ms(long ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&wait, NULL);
}

/* A port nobody listens on, below those that the system gives to clients: one of these could be
 * taken between now and the node's start. */
static uint16_t any_port(const struct herd *herd)
{
    for (int i = 0; i < PORTS_TRIED_MAX; i++) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        uint16_t port = (uint16_t)(10240 + (unsigned long)(now.tv_nsec / 10 + i * 7919) % 20000);
        if (!named(herd, port) && endpoint_is_free(port))
            return port;
    }
    return 0;
}

bool herd_init(struct herd *herd, const char *folder, uint32_t count)
{
    ASSERT(count > 0 && count <= HERD_NODES_MAX);
    *herd = (struct herd){.count = count};
    (void)snprintf(herd->folder, sizeof(herd->folder), "%s", folder);
    for (uint32_t i = 0; i < count; i++) {
        struct herd_node *node = &herd->nodes[i];
        uint16_t *ports[] = {&node->pb, &node->http, &node->peer};
        static const uint16_t usual[] = {8087, 8098, 8099};
        (void)snprintf(node->name, sizeof(node->name), "n%u", i + 1);
        for (int j = 0; j < 3; j++) {
            uint16_t port = (uint16_t)(usual[j] + 100 * i);
            *ports[j] = endpoint_is_free(port) ? port : any_port(herd);
            if (*ports[j] == 0)
                return false;
        }
    }
    return true;
}

void herd_log(const struct herd *herd, const struct herd_node *node, char ret_path[HERD_PATH_MAX])
{
    (void)snprintf(ret_path, HERD_PATH_MAX, "%.4000s/%s.log", herd->folder, node->name);
}

struct herd_argv {
    char data[HERD_PATH_MAX], pb[32], http[32], peer[32];
    const char *words[ARGUMENTS_MAX];
};

static void make_argv(const struct herd *herd, const struct herd_node *node,
                      const char *const *settings, struct herd_argv *to)
{
    const char *fixed[] = {"dassie", "start",  "--name", node->name, "--data", to->data, "--pb",
                           to->pb,   "--http", to->http, "--peer",   to->peer, NULL};
    int count = 0;

    (void)snprintf(to->data, sizeof(to->data), "%.4000s/%s", herd->folder, node->name);
    (void)snprintf(to->pb, sizeof(to->pb), "127.0.0.1:%u", node->pb);
    (void)snprintf(to->http, sizeof(to->http), "127.0.0.1:%u", node->http);
    (void)snprintf(to->peer, sizeof(to->peer), "127.0.0.1:%u", node->peer);
    while (fixed[count] != NULL) {
        to->words[count] = fixed[count];
        count++;
    }
    for (; *settings != NULL && count + 2 < ARGUMENTS_MAX; settings++) {
        to->words[count++] = "--set";
        to->words[count++] = *settings;
    }
    to->words[count] = NULL;
}

/* In the child: becomes the node, or ends. */
NORETURN static void become(const struct herd_argv *argv, int log, pid_t parent)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* A group of its own: an interrupt from the keyboard is for the parent, which then stops us. */
    (void)setpgid(0, 0);
    if (getppid() == parent && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0)
        (void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv->words);
    _exit(CLI_FAILED);
}

static bool start_node(const struct herd *herd, struct herd_node *node, const char *const *settings)
{
    static struct herd_argv argv;
    char path[HERD_PATH_MAX];
    pid_t parent = getpid();

    herd_log(herd, node, path);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) {
        cli_say("cannot write %s: %s", path, strerror(errno));
        return false;
    }
    make_argv(herd, node, settings, &argv);
    node->pid = fork();
    if (node->pid == 0)
        become(&argv, log, parent);
    (void)close(log);
    if (node->pid < 0) {
        node->pid = 0;
        cli_say("cannot start a process: %s", strerror(errno));
        return false;
    }
    return true;
}

bool herd_start(struct herd *herd, const char *const *settings)
{
    for (uint32_t i = 0; i < herd->count; i++)
        if (!start_node(herd, &herd->nodes[i], settings))
            return false;
    return true;
}

struct herd_node *herd_reap(struct herd *herd)
{
    for (uint32_t i = 0; i < herd->count; i++) {
        struct herd_node *node = &herd->nodes[i];
        if (node->pid > 0 && waitpid(node->pid, &node->status, WNOHANG) == node->pid) {
            node->pid = 0;
            return node;
        }
    }
    return NULL;
}

static uint32_t running(const struct herd *herd)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < herd->count; i++)
        count += herd->nodes[i].pid > 0;
    return count;
}

static void signal_all(const struct herd *herd, int number)
{
    for (uint32_t i = 0; i < herd->count; i++)
        if (herd->nodes[i].pid > 0)
            (void)kill(herd->nodes[i].pid, number);
}

uint32_t herd_stop(struct herd *herd)
{
    signal_all(herd, SIGTERM);
    signal_all(herd, SIGCONT);
    for (int waited = 0; running(herd) > 0 && waited < STOP_SECONDS * 1000; waited += POLL_MS) {
        while (herd_reap(herd) != NULL)
            ;
        sleep_ms(POLL_MS);
    }
    uint32_t left = running(herd);
    signal_all(herd, SIGKILL);
    while (running(herd) > 0) {
        (void)herd_reap(herd);
        sleep_ms(POLL_MS);
    }
    return left;
}

/* In the child: runs the command line with its output where it is wanted. */
NORETURN static void become_command(const char *const *words, bool quiet, int output)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    int count = 0;

    while (words[count] != NULL)
        count++;
    if (nowhere < 0 || (quiet && dup2(nowhere, STDERR_FILENO) < 0) ||
        dup2(output, STDOUT_FILENO) < 0)
        _exit(CLI_FAILED);
    int status = cli_main(count, (char **)(uintptr_t)words, NULL);
    (void)fflush(stdout);
    _exit(status);
}

int herd_command(const char *const *words, bool quiet, struct buf *ret_output)
{
    uint8_t piece[4096];
    ssize_t got = 1;
    int ends[2], status = 0;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    /* What waits to be written must not be written twice. */
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        become_command(words, quiet, ends[1]);
    (void)close(ends[1]);
    while (child > 0 && got > 0) {
        got = read(ends[0], piece, sizeof(piece));
        if (got > 0 && ret_output != NULL)
            buf_put(ret_output, bytes_of(piece, (size_t)got));
    }
    (void)close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

bool herd_ready(const struct herd_node *node)
{
    static const char request[] = "GET /dassie/v1/ready HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    static const char good[] = "HTTP/1.1 200 ";
    char answer[sizeof(good)] = "";
    struct endpoint_problem problem;
    struct endpoint at = {.host = "127.0.0.1"};

    (void)snprintf(at.port, sizeof(at.port), "%u", node->http);
    int fd = endpoint_connect(&at, READY_TIMEOUT_MS, &problem);
    if (fd < 0)
        return false;
    bool sent = send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == sizeof(request) - 1;
    bool ready = sent && recv(fd, answer, sizeof(good) - 1, MSG_WAITALL) == sizeof(good) - 1 &&
                 memcmp(answer, good, sizeof(good) - 1) == 0;
    (void)close(fd);
    return ready;
}

void herd_show_log(const struct herd *herd, const struct herd_node *node)
{
    char path[HERD_PATH_MAX], text[LOG_TAIL_BYTES + 1];

    herd_log(herd, node, path);
    int log = open(path, O_RDONLY | O_CLOEXEC);
    if (log < 0)
        return;
    off_t size = lseek(log, 0, SEEK_END);
    (void)lseek(log, size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0, SEEK_SET);
    ssize_t got = read(log, text, LOG_TAIL_BYTES);
    (void)close(log);
    if (got > 0)
        fprintf(stderr, "%.*s", (int)got, text);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

void herd_remove(const struct herd *herd)
{
    if (nftw(herd->folder, remove_one, FOLDER_DEPTH_MAX, FTW_DEPTH | FTW_PHYS) != 0)
        cli_say("could not remove %s: %s", herd->folder, strerror(errno));
}
