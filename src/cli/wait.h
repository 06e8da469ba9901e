/* SPDX-License-Identifier: Apache-2.0 */
/* Waits until the replicas of a cluster are where they shall be. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli/cli.h"

/* On a terminal it draws a line of progress on standard error; with `-o json` it prints an event a
 * line when something has changed. An exit status. */
int wait_moved(const struct cli_call *call) MUST_CHECK;

#endif
