/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_OBJECT_H
#define RECORD_OBJECT_H

#include "base/blob.h"
#include "base/err.h"
#include "model/object.h"

/* The object as it sleeps and travels, in a blob of exact size with one reference. The checksum
 * covers the row key too, so that a record found under another key is an error. */
struct blob *record_object_blob(struct bytes row_key, const struct object *object);

/* The size that record_object_blob would make. */
size_t record_object_size(const struct object *object);

/* Decodes into the arena; texts and values are views of `record`. ERR_CORRUPT when anything is
 * wrong, ERR_VERSION when a newer release wrote it. */
enum err record_object_decode(struct arena *arena, struct bytes row_key, struct bytes record,
                              struct object **ret_object) MUST_CHECK;

#endif
