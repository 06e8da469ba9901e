/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of the real host. */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

enum {
    LISTENERS_MAX = 8,        /* addresses for clients */
    LISTENER_SOCKETS_MAX = 8, /* that one name may mean */
    LISTEN_BACKLOG = 1024,
    ADDRESS_BYTES_MAX = 256, /* a HOST:PORT as text */

    CONN_READ_BYTES = 64 * 1024, /* one read, and thus one EV_BYTES */
    CONN_WRITE_PIECES_MAX = 64,  /* of one system call */
    CONN_LINGER_MS = 2000,       /* for a client to read the last answer and close */

    PEER_READ_BYTES = 256 * 1024,
    PEER_CONTROL_BYTES_MAX =
        16 * 1024 * 1024, /* unsent, one peer: beyond it messages are dropped */
    PEER_DATA_BYTES_MAX = 128 * 1024 * 1024,
    PEER_BULK_BYTES_MAX = 128 * 1024 * 1024,
    PEER_KEEP_BYTES = 1024 * 1024, /* a larger buffer is given back when it is empty */
    PEER_HANDSHAKE_MS = 10000,
    PEER_RETIRED_MS = 500,    /* for what is under way on a connection that another one replaced */
    PEER_STRANGERS_MAX = 128, /* connections that have not said who they are */
    PEER_BACKOFF_MIN_MS = 100,
    PEER_BACKOFF_MAX_MS = 3000,
    PEER_CALLED_WAIT_MS = 1000,   /* for the node that should call first */
    PEER_USER_TIMEOUT_MS = 10000, /* sent and not acknowledged: the connection is dead */
    SECRET_BYTES_MIN = 16,
    SECRET_BYTES_MAX = 4096,

    STORE_READERS_DEFAULT = 2,
    STORE_READERS_MAX = 64,
    STORE_MERGED_BYTES_MAX = 8 * 1024 * 1024,     /* of commits that share one sync */
    STORE_PENDING_BYTES_MAX = 1024 * 1024 * 1024, /* not yet written: beyond it commits fail */

    LOG_LINE_BYTES_MAX = 1024,
    LOG_KIND_LINES_MAX = 10, /* of one kind of trace in a second */

    FDS_MIN = 256,     /* fewer descriptors: no start */
    FDS_RESERVED = 96, /* files, peers and pipes of the process itself */
    ENGINE_FILES_MAX = 1000,
    DISK_FREE_BYTES_LOW = 64 * 1024 * 1024, /* with less at start the ballast is given away */
    DISK_FREE_BYTES_MIN = 16 * 1024 * 1024, /* with less: no start */
    BALLAST_REST_S = 60,                    /* after it was given away */

    KEEPALIVE_IDLE_S = 60,
    STOP_GRACE_MS = 8000,  /* for what is in flight when the process is asked to stop */
    STOP_FORCED_MS = 9500, /* after that much it exits, finished or not */
};

#endif
