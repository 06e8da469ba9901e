/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/repair.h"

#include <stdio.h>

#include "cli/admin_client.h"
#include "cli/columns.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS, BODY_BYTES = 64 };

static const struct cli_option look_options[] = {ADMIN_OPTION_AT, CLI_OPTION_OUTPUT,
                                                 CLI_OPTION_END};
static const struct cli_option repair_options[] = {
    ADMIN_OPTION_AT,
    {"dry-run", 0, NULL, "say what would be compared, and begin nothing"},
    CLI_OPTION_OUTPUT,
    CLI_OPTION_END,
};

static void age_cell(struct columns *table, uint64_t age_ms)
{
    unsigned long long age = age_ms;

    if (age_ms < 2 * MINUTE_MS)
        columns_printf(table, "%llu s ago", age / SECOND_MS);
    else if (age_ms < 2 * (uint64_t)HOUR_MS)
        columns_printf(table, "%llu min ago", age / MINUTE_MS);
    else
        columns_printf(table, "%llu h ago", age / HOUR_MS);
}

static void number_cell(struct columns *table, const struct json *pairing, const char *name,
                        bool known)
{
    if (known)
        columns_printf(table, "%llu", (unsigned long long)admin_number(pairing, name));
    else
        columns_cell(table, BYTES_LIT("-"));
}

static void show_pairing(struct columns *table, const struct json *p)
{
    struct bytes result = admin_text(p, "result");
    bool begins = bytes_eq(admin_text(p, "begun_by"), BYTES_LIT("node"));
    bool known = result.len > 0;

    columns_printf(table, "%llu", (unsigned long long)admin_number(p, "partition"));
    columns_cell(table, admin_text(p, "peer"));
    if (known)
        age_cell(table, admin_number(p, "age_ms"));
    else
        columns_cell(table, begins ? BYTES_LIT("never") : BYTES_LIT("by the peer"));
    if (admin_truth(p, "running"))
        columns_cell(table, BYTES_LIT("running"));
    else
        columns_cell(table, known ? result : BYTES_LIT("-"));
    number_cell(table, p, "rows", known);
    number_cell(table, p, "pulled", known);
    number_cell(table, p, "pushed", known);
    number_cell(table, p, "left", known);
}

static void show(const struct json *json)
{
    struct columns table;

    (void)printf("Replicas are compared %s. Here, since the start: %llu comparisons, "
                 "%llu of them broken off; %llu running.\n",
                 admin_truth(json, "on") ? "now and then" : "only when 'dassie repair' says so",
                 (unsigned long long)admin_number(json, "passes"),
                 (unsigned long long)admin_number(json, "failed"),
                 (unsigned long long)admin_number(json, "running"));
    (void)printf("%llu objects compared, %llu made up here, %llu at others, %llu left.\n\n",
                 (unsigned long long)admin_number(json, "rows"),
                 (unsigned long long)admin_number(json, "pulled"),
                 (unsigned long long)admin_number(json, "pushed"),
                 (unsigned long long)admin_number(json, "left"));
    columns_init(&table, ">partition with last result >objects >here >there >left");
    for (const struct json *p = admin_list(json, "partitions"); p != NULL; p = p->next)
        show_pairing(&table, p);
    columns_print(&table);
    columns_done(&table);
}

static int run_status(const struct cli_call *call)
{
    return admin_run(call, "GET", "aae", BYTES_NONE, show);
}

static int run_repair(const struct cli_call *call)
{
    const char *path = cli_given(call, "dry-run") ? "repair?dry_run=true" : "repair";
    char body[BODY_BYTES] = "{}";
    uint64_t partition;

    if (call->operand_count > 0) {
        if (!bytes_to_u64(bytes_str(call->operands[0]), &partition))
            return cli_misuse(call, "PARTITION is a number, as 'dassie ring' shows them, not '%s'",
                              call->operands[0]);
        (void)snprintf(body, sizeof(body), "{\"partition\":%llu}", (unsigned long long)partition);
    }
    return admin_run(call, "POST", path, bytes_str(body), show);
}

const struct cli_command command_aae_status = {
    "aae status",
    "",
    "how the replicas of a node were compared with others",
    "Of two nodes one begins their comparisons, and tells of them; --at names the node that is\n"
    "asked. Of what is compared 'objects' is how many, 'here' and 'there' how many were made up\n"
    "at this node and at the other one, 'left' how many could not be.",
    look_options,
    0,
    0,
    run_status,
    false,
};

const struct cli_command command_repair = {
    "repair",
    "[PARTITION]",
    "compare a node's replicas with all others now, and make up what differs",
    "Without PARTITION it is all partitions of the node. It begins at once, whatever clients do,\n"
    "and goes on until each comparison was made; 'dassie aae status' tells how far it is.",
    repair_options,
    0,
    1,
    run_repair,
    false,
};
