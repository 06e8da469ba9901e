/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/settings.h"

#include "cli/admin_client.h"

enum { BODY_BYTES_MAX = 64 * 1024 };

static const struct cli_option options[] = {ADMIN_OPTION_AT, CLI_OPTION_END};

static int set_option(const struct cli_call *call, const char *name, const char *value)
{
    const struct json *answer;
    struct arena arena;
    struct bytes text;
    struct buf body;

    arena_init(&arena);
    buf_init(&body, BODY_BYTES_MAX);
    struct json_out out = json_out_of(&body);
    json_open(&out, '{');
    json_put_string(&out, name, bytes_str(value));
    json_close(&out, '}');
    int status = admin_ask(call, "PUT", "config", buf_bytes(&body), &arena, &text, &answer);
    buf_done(&body);
    arena_done(&arena);
    return status == CLI_OK ? cli_end() : status;
}

static int run_config_set(const struct cli_call *call)
{
    return set_option(call, call->operands[0], call->operands[1]);
}

static int run_transfer_limit(const struct cli_call *call)
{
    return set_option(call, "transfer_limit", call->operands[0]);
}

static int run_pause(const struct cli_call *call)
{
    return set_option(call, "transfer_limit", "0");
}

static int run_resume(const struct cli_call *call)
{
    return set_option(call, "transfer_limit", call->operand_count > 0 ? call->operands[0] : "2");
}

const struct cli_command command_config_set = {
    .name = "config set",
    .operands = "OPTION VALUE",
    .summary = "change an option of a node that runs, until it ends",
    .options = options,
    .operands_min = 2,
    .operands_max = 2,
    .run = run_config_set,
};
const struct cli_command command_transfer_limit = {
    .name = "transfer-limit",
    .operands = "N",
    .summary = "how many replicas the node takes over, and gives away, at a time",
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_transfer_limit,
};
const struct cli_command command_handoff_pause = {
    .name = "handoff pause",
    .operands = "",
    .summary = "the node begins to take over no replica, and to give none away",
    .options = options,
    .run = run_pause,
};
const struct cli_command command_handoff_resume = {
    .name = "handoff resume",
    .operands = "[N]",
    .summary = "it does again: 2 at a time, or N",
    .options = options,
    .operands_max = 1,
    .run = run_resume,
};
