/* SPDX-License-Identifier: Apache-2.0 */
/* The program: the command line, and the node that `start` runs. */
#include "cli/cli.h"
#include "cli/start.h"
#include "server/server.h"

static int run_node(const struct node_start *start)
{
    return (int)server_run(&(struct server_options){
        .config = start->config,
        .advertise = start->advertise,
        .discard_data = start->discard_data,
    });
}

int main(int argc, char **argv)
{
    static const struct cli_host host = {run_node};

    return cli_main(argc, argv, &host);
}
