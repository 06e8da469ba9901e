/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stddef.h>

#include "cli/bench.h"
#include "cli/cluster.h"
#include "cli/configure.h"
#include "cli/demo.h"
#include "cli/help.h"
#include "cli/listing.h"
#include "cli/objects.h"
#include "cli/repair.h"
#include "cli/settings.h"
#include "cli/start.h"
#include "cli/types.h"

static const struct cli_command *const nodes[] = {
    &command_demo,       &command_start, &command_config_describe, &command_config_effective,
    &command_config_set, NULL,
};

static const struct cli_command *const cluster[] = {
    &command_cluster_status,
    &command_cluster_join,
    &command_cluster_leave,
    &command_cluster_replace,
    &command_cluster_force_replace,
    &command_cluster_force_remove,
    &command_cluster_plan,
    &command_cluster_commit,
    &command_cluster_clear,
    &command_cluster_set_location,
    &command_cluster_set_weight,
    &command_members,
    &command_ring,
    &command_transfers,
    &command_transfer_limit,
    &command_handoff_pause,
    &command_handoff_resume,
    &command_aae_status,
    &command_repair,
    &command_status,
    NULL,
};

static const struct cli_command *const types[] = {
    &command_type_create, &command_type_activate, &command_type_update,
    &command_type_list,   &command_type_status,   NULL,
};

static const struct cli_command *const data[] = {
    &command_get,     &command_put,  &command_delete, &command_keys,
    &command_buckets, &command_ping, &command_bench,  NULL,
};

static const struct cli_command *const about[] = {&command_help, &command_version, NULL};

const struct cli_group cli_groups[] = {
    {"Nodes", nodes}, {"Cluster", cluster}, {"Bucket types", types},
    {"Data", data},   {"About", about},     {NULL, NULL},
};

const struct cli_alias cli_aliases[] = {
    {"ping", "ping"},
    {"member-status", "members"},
    {"member_status", "members"},
    {"ring-status", "ring"},
    {"ring_status", "ring"},
    {"ringready", "cluster status"},
    {"status", "status"},
    {"transfers", "transfers"},
    {"join", "cluster join"},
    {"leave", "cluster leave"},
    {"cluster members", "members"},
    {"cluster ring", "ring"},
    {"cluster transfers", "transfers"},
    {"cluster location", "cluster set-location"},
    {"cluster partitions", "ring"},
    {"cluster", "cluster"},
    {"bucket-type", "bucket-type"},
    {"chkconfig", "config effective"},
    {NULL, NULL},
};
