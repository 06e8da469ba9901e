/* SPDX-License-Identifier: Apache-2.0 */
/* The codes of the messages that this server knows. All others are answered with `Unknown message
 * code: N`, which is what a Riak says of a feature that it was built without, and what clients take
 * for that: MapReduce (23), secondary indexes (25), search (27, 54 to 60), preference lists (33),
 * counters (50, 52), data types (80, 82), replication and folds (128, 202 to 231) among them. */
#ifndef WIRE_PB_CODE_H
#define WIRE_PB_CODE_H

enum pb_code {
    PB_ERROR_RESP = 0,
    PB_PING_REQ = 1,
    PB_PING_RESP = 2,
    PB_GET_CLIENT_ID_REQ = 3,
    PB_GET_CLIENT_ID_RESP = 4,
    PB_SET_CLIENT_ID_REQ = 5,
    PB_SET_CLIENT_ID_RESP = 6,
    PB_SERVER_INFO_REQ = 7,
    PB_SERVER_INFO_RESP = 8,
    PB_GET_REQ = 9,
    PB_GET_RESP = 10,
    PB_PUT_REQ = 11,
    PB_PUT_RESP = 12,
    PB_DEL_REQ = 13,
    PB_DEL_RESP = 14,
    PB_LIST_BUCKETS_REQ = 15,
    PB_LIST_BUCKETS_RESP = 16,
    PB_LIST_KEYS_REQ = 17,
    PB_LIST_KEYS_RESP = 18,
    PB_GET_BUCKET_REQ = 19,
    PB_GET_BUCKET_RESP = 20,
    PB_SET_BUCKET_REQ = 21,
    PB_SET_BUCKET_RESP = 22,
    PB_RESET_BUCKET_REQ = 29,
    PB_RESET_BUCKET_RESP = 30,
    PB_GET_TYPE_REQ = 31, /* answered with PB_GET_BUCKET_RESP */
    PB_SET_TYPE_REQ = 32, /* answered with PB_SET_BUCKET_RESP */
    PB_PREFLIST_REQ = 33,
    PB_PREFLIST_RESP = 34,
    PB_START_TLS = 255,
};

#endif
