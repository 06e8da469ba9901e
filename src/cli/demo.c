/* SPDX-License-Identifier: Apache-2.0 */
/* The demo does what its user would do: it starts nodes with `start`, joins them with `cluster
 * join`, `plan` and `commit`, and asks `cluster status` when it is done. */
#include "cli/demo.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/columns.h"
#include "cli/herd.h"
#include "wire/json.h"

enum {
    NODES_DEFAULT = 3,
    SETTINGS_MAX = 16,
    READY_MS_MAX = 60000,
    POLL_MS = 5,
    STATUS_BYTES_MAX = 16 * 1024 * 1024,
};

struct demo {
    struct herd herd;
    const char *settings[SETTINGS_MAX + 1];
    bool keep;
    struct timespec began;
    sigset_t signals; /* blocked, and waited for */
};

static double seconds_since(const struct timespec *began)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

/* The folder of the nodes: the user's own, which must be empty, or a temporary one. */
static int make_folder(const struct cli_call *call, struct demo *demo, char *path, size_t size)
{
    const char *own = cli_text(call, "keep", NULL);
    const char *temporary = getenv("TMPDIR");

    demo->keep = own != NULL;
    if (own == NULL) {
        (void)snprintf(path, size, "%.4000s/dassie-demo-XXXXXX",
                       temporary && temporary[0] ? temporary : "/tmp");
        return mkdtemp(path) ? CLI_OK
                             : cli_fail(CLI_FAILED, "cannot make %s: %s", path, strerror(errno));
    }
    (void)snprintf(path, size, "%.4000s", own);
    /* An empty folder can be removed and made again; one with something in it cannot. */
    if (rmdir(path) != 0 && errno == ENOTEMPTY)
        return cli_fail(CLI_REFUSED,
                        "%s is not empty, and a demo begins with new nodes.\n"
                        "Those of an earlier one are started by 'dassie start --data %s/n1 ...'.",
                        path, path);
    if (mkdir(path, 0700) != 0)
        return cli_fail(CLI_FAILED, "cannot make %s: %s", path, strerror(errno));
    return CLI_OK;
}

/* A signal that asks to stop, if one came within so long; a node that ended counts as one. */
static bool interrupted(struct demo *demo, long wait_ms)
{
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    int number = sigtimedwait(&demo->signals, NULL, &wait);

    if (number > 0 && number != SIGCHLD)
        return true;
    struct herd_node *ended = herd_reap(&demo->herd);
    if (ended == NULL)
        return false;
    cli_say("%s could not start. What it said:", ended->name);
    herd_show_log(&demo->herd, ended);
    return true;
}

/* Whether a node knows all as members with a share of the data. */
static bool knows_all(const struct demo *demo, const struct herd_node *node)
{
    char at[32];
    const char *words[] = {"dassie", "cluster", "status", "-o", "json", "--at", at, NULL};
    const struct json *status = NULL;
    uint32_t valid = 0;
    struct arena arena;
    struct buf text;

    (void)snprintf(at, sizeof(at), "127.0.0.1:%u", node->http);
    buf_init(&text, STATUS_BYTES_MAX);
    arena_init(&arena);
    if (herd_command(words, true, &text) == CLI_OK &&
        json_read(&arena, buf_bytes(&text), &status) == ERR_OK) {
        const struct json *members = json_member(status, BYTES_LIT("members"));
        for (const struct json *m = members ? members->first : NULL; m != NULL; m = m->next) {
            const struct json *reachable = json_member(m, BYTES_LIT("reachable"));
            const struct json *partitions = json_member(m, BYTES_LIT("partitions"));
            int64_t count = 0;
            valid += reachable != NULL && reachable->truth && partitions != NULL &&
                     json_integer(partitions, &count) && count > 0;
        }
    }
    arena_done(&arena);
    buf_done(&text);
    return valid == demo->herd.count;
}

typedef bool node_test(const struct demo *demo, const struct herd_node *node);

static bool is_ready(const struct demo *demo, const struct herd_node *node)
{
    (void)demo;
    return herd_ready(node);
}

/* Waits until the test holds for every node; CLI_OK, or why not. */
static int wait_for_all(struct demo *demo, node_test *test, const char *what)
{
    double limit = seconds_since(&demo->began) + READY_MS_MAX / 1000.0;

    for (uint32_t i = 0; i < demo->herd.count; i++)
        while (!test(demo, &demo->herd.nodes[i])) {
            if (interrupted(demo, POLL_MS))
                return CLI_FAILED;
            if (seconds_since(&demo->began) > limit) {
                herd_show_log(&demo->herd, &demo->herd.nodes[i]);
                return cli_fail(CLI_FAILED, "%s %s within %d s", demo->herd.nodes[i].name, what,
                                READY_MS_MAX / 1000);
            }
        }
    return CLI_OK;
}

/* One command of the cluster at a node; what it prints is of no interest unless it fails. */
static int command(const struct herd_node *node, const char *verb, const char *operand)
{
    char at[32];
    const char *words[] = {"dassie", "cluster", verb, "--at", at, operand, NULL};

    (void)snprintf(at, sizeof(at), "127.0.0.1:%u", node->http);
    int status = herd_command(words, false, NULL);
    if (status == CLI_OK)
        return CLI_OK;
    return cli_fail(CLI_FAILED, "'dassie cluster %s' failed at %s", verb, node->name);
}

static int join_all(struct demo *demo)
{
    const struct herd_node *first = &demo->herd.nodes[0];
    int status = CLI_OK;
    char peer[32];

    (void)snprintf(peer, sizeof(peer), "127.0.0.1:%u", first->peer);
    for (uint32_t i = 1; i < demo->herd.count && status == CLI_OK; i++)
        status = command(&demo->herd.nodes[i], "join", peer);
    if (status == CLI_OK && demo->herd.count > 1)
        status = command(first, "plan", NULL);
    if (status == CLI_OK && demo->herd.count > 1)
        status = command(first, "commit", NULL);
    return status == CLI_OK ? wait_for_all(demo, knows_all, "does not know the others") : status;
}

static void print_nodes(const struct demo *demo)
{
    struct columns columns;

    columns_init(&columns, "node protocol-buffers http peers");
    for (uint32_t i = 0; i < demo->herd.count; i++) {
        const struct herd_node *node = &demo->herd.nodes[i];
        columns_cell(&columns, bytes_str(node->name));
        columns_printf(&columns, "127.0.0.1:%u", node->pb);
        columns_printf(&columns, "127.0.0.1:%u", node->http);
        columns_printf(&columns, "127.0.0.1:%u", node->peer);
    }
    columns_print(&columns);
    columns_done(&columns);
}

static void print_welcome(const struct demo *demo)
{
    const struct herd_node *nodes = demo->herd.nodes;
    const struct herd_node *other = &nodes[demo->herd.count > 1 ? 1 : 0];
    const char *program = cli_program();

    printf("%u node%s running after %.1f s. Store something at one and read it at another:\n\n",
           demo->herd.count, demo->herd.count == 1 ? " is" : "s are", seconds_since(&demo->began));
    printf("  curl -X PUT http://127.0.0.1:%u/buckets/animals/keys/dassie \\\n"
           "       -H 'Content-Type: text/plain' -d 'lives on rocks'\n"
           "  curl http://127.0.0.1:%u/buckets/animals/keys/dassie\n\n",
           nodes[0].http, other->http);
    printf("  %s put --at 127.0.0.1:%u animals klipspringer 'leaps from rock to rock'\n"
           "  %s get --at 127.0.0.1:%u animals klipspringer\n\n",
           program, nodes[0].pb, program, other->pb);
    print_nodes(demo);
    printf("\n'%s cluster status --at 127.0.0.1:%u' shows the cluster.\n", program, nodes[0].http);
    if (demo->keep)
        printf("Data and logs are in %s and stay there. ^C stops the nodes.\n", demo->herd.folder);
    else
        printf("Data and logs are in %s. ^C stops the nodes and removes it.\n", demo->herd.folder);
    (void)cli_end();
}

static void tell_ended(const struct demo *demo, const struct herd_node *node)
{
    char path[HERD_PATH_MAX];

    herd_log(&demo->herd, node, path);
    if (WIFSIGNALED(node->status))
        cli_say("%s was ended by signal %d; the others go on. Its log is %s", node->name,
                WTERMSIG(node->status), path);
    else
        cli_say("%s ended with status %d; the others go on. Its log is %s", node->name,
                WEXITSTATUS(node->status), path);
}

/* Until somebody asks to stop, or no node is left. */
static int watch(struct demo *demo)
{
    uint32_t left = demo->herd.count;

    while (left > 0) {
        int number = sigwaitinfo(&demo->signals, NULL);
        if (number > 0 && number != SIGCHLD)
            return CLI_OK;
        for (struct herd_node *node = herd_reap(&demo->herd); node != NULL;
             node = herd_reap(&demo->herd)) {
            tell_ended(demo, node);
            left--;
        }
    }
    return cli_fail(CLI_FAILED, "no node is left");
}

static int run_nodes(struct demo *demo)
{
    int status = herd_start(&demo->herd, demo->settings) ? CLI_OK : CLI_FAILED;

    if (status == CLI_OK)
        status = wait_for_all(demo, is_ready, "is not ready");
    if (status == CLI_OK)
        status = join_all(demo);
    if (status == CLI_OK) {
        print_welcome(demo);
        status = watch(demo);
        fprintf(stderr, "\n");
        cli_say("stopping");
    }
    uint32_t killed = herd_stop(&demo->herd);
    if (killed > 0)
        status = cli_fail(CLI_FAILED, "%u nodes did not stop and were killed", killed);
    return status;
}

static int run_demo(const struct cli_call *call)
{
    static struct demo demo;
    char folder[HERD_PATH_MAX];
    uint64_t count = 0;

    if (!cli_number(call, "nodes", NODES_DEFAULT, 1, HERD_NODES_MAX, &count))
        return CLI_USAGE;
    for (uint32_t i = 0; i < SETTINGS_MAX; i++)
        demo.settings[i] = cli_nth(call, "set", i);
    int status = make_folder(call, &demo, folder, sizeof(folder));
    if (status != CLI_OK)
        return status;
    (void)clock_gettime(CLOCK_MONOTONIC, &demo.began);
    (void)sigemptyset(&demo.signals);
    (void)sigaddset(&demo.signals, SIGINT);
    (void)sigaddset(&demo.signals, SIGTERM);
    (void)sigaddset(&demo.signals, SIGHUP);
    (void)sigaddset(&demo.signals, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &demo.signals, NULL);
    if (herd_init(&demo.herd, folder, (uint32_t)count))
        status = run_nodes(&demo);
    else
        status = cli_fail(CLI_FAILED, "there are not enough free ports on 127.0.0.1");
    if (!demo.keep)
        herd_remove(&demo.herd);
    return status;
}

static const struct cli_option demo_options[] = {
    {"nodes", 'n', "N", "how many, up to 32 (3)"},
    {"keep", 0, "DIR", "put data and logs there, and leave them there"},
    {"set", 0, "KEY=VALUE", "a setting for every node; may be given several times"},
    CLI_OPTION_END,
};

const struct cli_command command_demo = {
    .name = "demo",
    .operands = "",
    .summary = "Try it: a cluster on this machine, in a second",
    .text =
        "Starts nodes on free ports of 127.0.0.1 with data in a temporary directory, joins them\n"
        "and prints commands to paste. ^C stops all and removes the directory.",
    .options = demo_options,
    .run = run_demo,
};
