/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/admin_client.h"
#include "cli/columns.h"
#include "cli/wait.h"

static const struct cli_option look_options[] = {ADMIN_OPTION_AT, CLI_OPTION_OUTPUT,
                                                 CLI_OPTION_END};
static const struct cli_option change_options[] = {
    ADMIN_OPTION_AT,
    {"dry-run", 0, NULL, "say what would be staged, and stage nothing"},
    CLI_OPTION_OUTPUT,
    CLI_OPTION_END,
};

static const struct cli_option transfers_options[] = {
    ADMIN_OPTION_AT,
    {"wait", 0, NULL, "wait until all replicas are where they shall be"},
    CLI_OPTION_OUTPUT,
    CLI_OPTION_END,
};
static const struct cli_option leave_options[] = {
    ADMIN_OPTION_AT,
    {"force", 0, NULL, "also if fewer members are left than there are copies of an object"},
    {"dry-run", 0, NULL, "say what would be staged, and stage nothing"},
    CLI_OPTION_OUTPUT,
    CLI_OPTION_END,
};

static void line(const char *format, ...) PRINTF_LIKE(1, 2);

static void line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
}

static void show_members(const struct json *json)
{
    struct columns table;

    columns_init(&table, "name state reachable votes >partitions >weight location address");
    for (const struct json *m = admin_list(json, "members"); m != NULL; m = m->next) {
        columns_cell(&table, admin_text(m, "name"));
        columns_cell(&table, admin_text(m, "state"));
        columns_printf(&table, "%s", admin_truth(m, "reachable") ? "yes" : "no");
        columns_printf(&table, "%s", admin_truth(m, "votes") ? "yes" : "no");
        columns_printf(&table, "%llu", (unsigned long long)admin_number(m, "partitions"));
        columns_printf(&table, "%llu", (unsigned long long)admin_number(m, "weight"));
        struct bytes location = admin_text(m, "location");
        columns_cell(&table, location.len > 0 ? location : BYTES_LIT("-"));
        columns_cell(&table, admin_text(m, "address"));
    }
    columns_print(&table);
    columns_done(&table);
}

static void show_staged(const struct json *json)
{
    const struct json *first = admin_list(json, "staged");

    if (first == NULL) {
        line("Nothing is staged.");
        return;
    }
    line("Staged (see 'dassie cluster plan'):");
    for (const struct json *s = first; s != NULL; s = s->next) {
        struct bytes change = admin_text(s, "change"), name = admin_text(s, "name");
        line("  %.*s %.*s", (int)change.len, (const char *)change.data, (int)name.len,
             (const char *)name.data);
    }
}

/* Of the node that was asked. */
static void show_disk(const struct json *json)
{
    const struct json *disk = json_member(json, BYTES_LIT("disk"));

    if (disk == NULL || !admin_truth(disk, "full"))
        return;
    line(
        "The disk of this node is nearly full: %llu MiB are free, %llu are needed. It takes no new "
        "data; reads and deletes go on.",
        (unsigned long long)(admin_number(disk, "free") >> 20),
        (unsigned long long)(admin_number(disk, "free_min") >> 20));
}

/* Whether the node that answers is among the members. */
static bool is_member(const struct json *json)
{
    for (const struct json *m = admin_list(json, "members"); m != NULL; m = m->next) {
        if (bytes_eq(admin_text(m, "id"), admin_text(json, "node_id")) &&
            !bytes_eq(admin_text(m, "state"), BYTES_LIT("removed")))
            return true;
    }
    return false;
}

static void show_status(const struct json *json)
{
    struct bytes id = admin_text(json, "cluster_id"), node = admin_text(json, "node");
    struct bytes joining = admin_text(json, "joining");

    line("Cluster %.*s, epoch %llu, as seen by %.*s", (int)id.len, (const char *)id.data,
         (unsigned long long)admin_number(json, "epoch"), (int)node.len, (const char *)node.data);
    line("%llu partitions, %llu of %llu replicas each%s",
         (unsigned long long)admin_number(json, "partitions"),
         (unsigned long long)admin_number(json, "replicas"),
         (unsigned long long)admin_number(json, "n_max"),
         admin_truth(json, "under_replicated") ? ": under-replicated, add nodes" : "");
    if (joining.len > 0)
        line("This node waits to join the cluster of %.*s: commit the plan there.",
             (int)joining.len, (const char *)joining.data);
    if (joining.len == 0 && !is_member(json))
        line("This node is not a member of it any more.");
    if (admin_truth(json, "forked"))
        line("Two documents of one epoch were seen: nothing can be changed until that is mended.");
    show_disk(json);
    (void)putchar('\n');
    show_members(json);
    (void)putchar('\n');
    show_staged(json);
}

static void show_plan(const struct json *json)
{
    struct bytes plan = admin_text(json, "plan"), verdict = admin_text(json, "verdict");
    struct columns table;

    if (admin_truth(json, "empty")) {
        line("Nothing is staged, so there is no plan.");
        return;
    }
    line("Plan %.*s, upon epoch %llu", (int)plan.len, (const char *)plan.data,
         (unsigned long long)admin_number(json, "epoch"));
    (void)putchar('\n');
    columns_init(&table, "node >before >after");
    for (const struct json *n = admin_list(json, "nodes"); n != NULL; n = n->next) {
        columns_cell(&table, admin_text(n, "name"));
        columns_printf(&table, "%llu", (unsigned long long)admin_number(n, "before"));
        columns_printf(&table, "%llu", (unsigned long long)admin_number(n, "after"));
    }
    columns_print(&table);
    columns_done(&table);
    (void)putchar('\n');
    line("%llu replicas get another place.", (unsigned long long)admin_number(json, "moved"));
    for (const struct json *w = admin_list(json, "warnings"); w != NULL; w = w->next)
        line("Warning: %.*s", (int)w->text.len, (const char *)w->text.data);
    if (verdict.len > 0)
        line("%.*s", (int)verdict.len, (const char *)verdict.data);
    if (!admin_truth(json, "refused"))
        line("Apply it with: dassie cluster commit %.*s", (int)plan.len, (const char *)plan.data);
}

static void show_ring(const struct json *json)
{
    struct columns table;

    columns_init(&table, ">partition replicas");
    for (const struct json *p = admin_list(json, "ring"); p != NULL; p = p->next) {
        struct buf names;
        buf_init(&names, 64 * 1024);
        for (const struct json *r = admin_list(p, "replicas"); r != NULL; r = r->next) {
            buf_put_str(&names, names.len > 0 ? " " : "");
            buf_put(&names, r->text);
        }
        columns_printf(&table, "%llu", (unsigned long long)admin_number(p, "partition"));
        columns_cell(&table, buf_bytes(&names));
        buf_done(&names);
    }
    columns_print(&table);
    columns_done(&table);
}

static void show_transfers(const struct json *json)
{
    const struct json *transfers = json_member(json, BYTES_LIT("transfers"));

    line("%llu partitions of the cluster are not where they shall be",
         (unsigned long long)admin_number(transfers, "moving"));
    line("%llu replicas are being taken over here, %llu wait, %llu are to be deleted",
         (unsigned long long)admin_number(transfers, "active"),
         (unsigned long long)admin_number(transfers, "waiting"),
         (unsigned long long)admin_number(transfers, "strays"));
    line("%llu objects (%llu bytes) were copied since the start",
         (unsigned long long)admin_number(transfers, "objects"),
         (unsigned long long)admin_number(transfers, "bytes"));
    line("%llu objects (%llu bytes) are kept here for nodes that are away",
         (unsigned long long)admin_number(transfers, "hints"),
         (unsigned long long)admin_number(transfers, "hints_bytes"));
}

/* A change: its resource, with the operands under the names that the API gives them. */
static int ask_change(const struct cli_call *call, const char *resource, const char *first,
                      const char *second, bool takes_force, void (*show)(const struct json *json))
{
    const char *names[] = {first, second};
    char path[64];
    struct buf body;

    buf_init(&body, 64 * 1024);
    struct json_out out = json_out_of(&body);
    json_open(&out, '{');
    for (uint32_t i = 0; i < 2 && i < call->operand_count; i++) {
        if (names[i] != NULL)
            json_put_string(&out, names[i], bytes_str(call->operands[i]));
    }
    if (takes_force && cli_given(call, "force"))
        json_put_bool(&out, "force", true);
    json_close(&out, '}');
    (void)snprintf(path, sizeof(path), "cluster/%s%s", resource,
                   cli_given(call, "dry-run") ? "?dry_run=true" : "");
    int status = admin_run(call, "POST", path, buf_bytes(&body), show);
    buf_done(&body);
    return status;
}

static int change(const struct cli_call *call, const char *resource, const char *first,
                  const char *second, void (*show)(const struct json *json))
{
    return ask_change(call, resource, first, second, false, show);
}

static int run_join(const struct cli_call *call)
{
    return change(call, "join", "address", NULL, show_status);
}

static int run_leave(const struct cli_call *call)
{
    return ask_change(call, "leave", "name", NULL, true, show_staged);
}

static int run_replace(const struct cli_call *call)
{
    return change(call, "replace", "name", "by", show_staged);
}

static int run_force_replace(const struct cli_call *call)
{
    return change(call, "force-replace", "name", "by", show_staged);
}

static int run_force_remove(const struct cli_call *call)
{
    return change(call, "force-remove", "name", NULL, show_staged);
}

static int run_plan(const struct cli_call *call)
{
    return admin_run(call, "GET", "plan", BYTES_NONE, show_plan);
}

static void show_committed(const struct json *json)
{
    line("Committed: the cluster is at epoch %llu.",
         (unsigned long long)admin_number(json, "epoch"));
}

static int run_commit(const struct cli_call *call)
{
    return change(call, "commit", "plan", NULL,
                  cli_given(call, "dry-run") ? show_plan : show_committed);
}

static int run_clear(const struct cli_call *call)
{
    return change(call, "clear", NULL, NULL, show_staged);
}

static int run_set_location(const struct cli_call *call)
{
    return change(call, "set-location", "name", "location", show_staged);
}

static int run_set_weight(const struct cli_call *call)
{
    return change(call, "set-weight", "name", "weight", show_staged);
}

static int run_status(const struct cli_call *call)
{
    return admin_run(call, "GET", "status", BYTES_NONE, show_status);
}

static int run_members(const struct cli_call *call)
{
    return admin_run(call, "GET", "members", BYTES_NONE, show_members);
}

static int run_ring(const struct cli_call *call)
{
    return admin_run(call, "GET", "ring", BYTES_NONE, show_ring);
}

static int run_transfers(const struct cli_call *call)
{
    if (cli_given(call, "wait"))
        return wait_moved(call);
    return admin_run(call, "GET", "transfers", BYTES_NONE, show_transfers);
}

const struct cli_command command_cluster_join = {
    "cluster join",
    "PEER",
    "stage that this node joins the cluster of the node at PEER",
    "PEER is the HOST:PORT of a member's peer listener. Run it at the node that shall join "
    "(--at),\n"
    "then 'dassie cluster plan' and 'dassie cluster commit' there or at any member. The node must\n"
    "be alone and hold no data.",
    change_options,
    1,
    1,
    run_join,
    false,
};
const struct cli_command command_cluster_leave = {
    "cluster leave",
    "NAME",
    "stage that a member leaves, once all that it has is at others",
    NULL,
    leave_options,
    1,
    1,
    run_leave,
    false,
};
const struct cli_command command_cluster_replace = {
    "cluster replace",
    "NAME BY",
    "stage that another node takes over all that a member has, which then leaves",
    "BY is a member, or a node that waits to join ('dassie cluster join').",
    change_options,
    2,
    2,
    run_replace,
    false,
};
const struct cli_command command_cluster_force_replace = {
    "cluster force-replace",
    "NAME BY",
    "stage that a member is gone for good, and another node gets copies of all that it had",
    "The copies are made from the other replicas. NAME never comes back: what it still has is of\n"
    "no use. BY is a member, or a node that waits to join.",
    change_options,
    2,
    2,
    run_force_replace,
    false,
};
const struct cli_command command_cluster_force_remove = {
    "cluster force-remove",
    "NAME",
    "stage that a member is gone for good: the others get copies of all that it had",
    NULL,
    change_options,
    1,
    1,
    run_force_remove,
    false,
};
const struct cli_command command_cluster_plan = {
    "cluster plan",
    "",
    "show what committing the staged changes would do",
    NULL,
    look_options,
    0,
    0,
    run_plan,
    false,
};
const struct cli_command command_cluster_commit = {
    "cluster commit",
    "[PLAN]",
    "make the staged changes, exactly as the plan showed them",
    "Without PLAN it is the plan that this node showed last. A plan that no longer fits the "
    "cluster\n"
    "is refused as stale.",
    change_options,
    0,
    1,
    run_commit,
    false,
};
const struct cli_command command_cluster_clear = {
    "cluster clear", "", "forget all that is staged", NULL, change_options, 0, 0, run_clear, false,
};
const struct cli_command command_cluster_status = {
    "cluster status",
    "",
    "the cluster, its members and what is staged",
    NULL,
    look_options,
    0,
    0,
    run_status,
    false,
};
const struct cli_command command_cluster_set_location = {
    "cluster set-location",
    "NAME LOCATION",
    "stage that a member stands in that rack or zone",
    NULL,
    change_options,
    2,
    2,
    run_set_location,
    false,
};
const struct cli_command command_cluster_set_weight = {
    "cluster set-weight",
    "NAME WEIGHT",
    "stage a member's share of replicas (100 is ordinary)",
    NULL,
    change_options,
    2,
    2,
    run_set_weight,
    false,
};
const struct cli_command command_members = {
    "members", "", "the members of the cluster", NULL, look_options, 0, 0, run_members, false,
};
const struct cli_command command_ring = {
    "ring", "", "the partitions and their replicas", NULL, look_options, 0, 0, run_ring, false,
};
const struct cli_command command_transfers = {
    "transfers",
    "",
    "replicas on the move, and what is kept for nodes that are away",
    "With --wait it ends when all replicas of the cluster are where they shall be, and shows how "
    "it\n"
    "goes: a line on a terminal, or with '-o json' an event a line.",
    transfers_options,
    0,
    0,
    run_transfers,
    false,
};
const struct cli_command command_status = {
    "status", "", "the same as cluster status", NULL, look_options, 0, 0, run_status, false,
};
