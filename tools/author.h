/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes a commit, when nobody is named. */
#ifndef TOOLS_AUTHOR_H
#define TOOLS_AUTHOR_H

const char *author_default(void); /* $CEL_AUTHOR, else user@host */

#endif
