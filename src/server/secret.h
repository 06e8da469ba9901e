/* SPDX-License-Identifier: Apache-2.0 */
/* The secret that the nodes of a cluster share, and the proof that one knows it. */
#ifndef SERVER_SECRET_H
#define SERVER_SECRET_H

#include "engine/engine.h"
#include "server/exit.h"
#include "server/limits.h"
#include "wire/peer_frame.h"

struct secret {
    uint8_t bytes[SECRET_BYTES_MAX];
    size_t len; /* 0: there is none */
};

/* Reads the file; blanks at its end do not count. Others than its owner must not be able to read
 * it. */
enum exit_status secret_load(struct secret *secret, const char *path, struct why *ret_why);

/* The proof of who greeted with `own` to who greeted with `other`; empty without a secret.
 * Returns a view of `ret_proof`. */
struct bytes secret_prove(const struct secret *secret, struct bytes own, struct bytes other,
                          uint8_t ret_proof[PEER_PROOF_BYTES]);

/* Whether that is the proof that secret_prove would make; in constant time. */
bool secret_accepts(const struct secret *secret, struct bytes proof, struct bytes own,
                    struct bytes other);

#endif
