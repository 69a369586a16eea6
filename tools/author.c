/* SPDX-License-Identifier: Apache-2.0 */
/* The user's name comes from the password file, not from an environment variable that a login may have left behind. */
#include "author.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *author_default(void)
{
	static char text[200];
	const char *named = getenv("CEL_AUTHOR");
	if (named != NULL)
		return named;
	char host[64] = "";
	struct passwd *user = getpwuid(geteuid());
	gethostname(host, sizeof host - 1);
	snprintf(text, sizeof text, "%.100s@%s", user != NULL ? user->pw_name : "unknown", host);
	return text;
}
