/* SPDX-License-Identifier: Apache-2.0 */
#include "msg/view.h"

uint64_t view_epoch(const struct view *view)
{
    return view->document == NULL ? 0 : view->document->epoch;
}

uint16_t view_index(const struct view *view, uint64_t node)
{
    int at = view->document == NULL ? -1 : document_member(view->document, node);

    return at < 0 ? RING_NOBODY : (uint16_t)at;
}
