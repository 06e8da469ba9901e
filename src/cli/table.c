/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stddef.h>

#include "cli/bench.h"
#include "cli/demo.h"
#include "cli/help.h"
#include "cli/listing.h"
#include "cli/objects.h"

static const struct cli_command *const nodes[] = {&command_demo, NULL};

static const struct cli_command *const data[] = {
    &command_get,     &command_put,  &command_delete, &command_keys,
    &command_buckets, &command_ping, &command_bench,  NULL,
};

static const struct cli_command *const about[] = {&command_help, &command_version, NULL};

const struct cli_group cli_groups[] = {
    {"Nodes", nodes},
    {"Data", data},
    {"About", about},
    {NULL, NULL},
};

const struct cli_alias cli_aliases[] = {
    {"ping", "ping"},
    {NULL, NULL},
};
