/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about nodes and their cluster. */
#ifndef CLI_CLUSTER_H
#define CLI_CLUSTER_H

#include "cli/cli.h"

extern const struct cli_command command_cluster_join;
extern const struct cli_command command_cluster_leave;
extern const struct cli_command command_cluster_replace;
extern const struct cli_command command_cluster_force_replace;
extern const struct cli_command command_cluster_force_remove;
extern const struct cli_command command_cluster_plan;
extern const struct cli_command command_cluster_commit;
extern const struct cli_command command_cluster_clear;
extern const struct cli_command command_cluster_status;
extern const struct cli_command command_cluster_set_location;
extern const struct cli_command command_cluster_set_weight;
extern const struct cli_command command_members;
extern const struct cli_command command_ring;
extern const struct cli_command command_transfers;
extern const struct cli_command command_status;

#endif
