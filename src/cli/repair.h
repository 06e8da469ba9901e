/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the comparison of replicas. */
#ifndef CLI_REPAIR_H
#define CLI_REPAIR_H

#include "cli/cli.h"

extern const struct cli_command command_aae_status, command_repair;

#endif
