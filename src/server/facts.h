/* SPDX-License-Identifier: Apache-2.0 */
/* What the system knows of the process and the machine, for EV_HOST; and how many descriptors there
 * are to hand out. */
#ifndef SERVER_FACTS_H
#define SERVER_FACTS_H

#include "msg/stats.h"

/* Fills in memory, processor, disk and descriptors; the rest is left alone. */
void facts_of_system(const char *data_path, struct host_facts *facts);

/* Raises the limit of descriptors as far as allowed; what it is now. */
uint64_t facts_raise_descriptors(void);

#endif
