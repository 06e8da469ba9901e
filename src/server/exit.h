/* SPDX-License-Identifier: Apache-2.0 */
/* Exit statuses of a node, after the BSD's sysexits; docs/manual/exit-status.md explains each. */
#ifndef SERVER_EXIT_H
#define SERVER_EXIT_H

enum exit_status {
    EXIT_STATUS_OK = 0,
    EXIT_STATUS_USAGE = 64,       /* arguments that make no sense */
    EXIT_STATUS_DATA = 65,        /* the data directory is damaged, or not this node's */
    EXIT_STATUS_UNAVAILABLE = 69, /* a port is busy, a host name unknown */
    EXIT_STATUS_SOFTWARE = 70,    /* a fault of the program */
    EXIT_STATUS_OS = 71,          /* the system gives too little: descriptors, threads */
    EXIT_STATUS_CREATE = 73,      /* the data directory cannot be made */
    EXIT_STATUS_IO = 74,          /* disk error, disk full */
    EXIT_STATUS_BUSY = 75,        /* another process has the data directory */
    EXIT_STATUS_PERMISSION = 77,  /* not allowed; or a peer address that needs a secret */
    EXIT_STATUS_CONFIG = 78,      /* a setting that cannot work */
};

#endif
