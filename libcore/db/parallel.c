/* SPDX-License-Identifier: Apache-2.0 */
/* Plain threads, made and joined in one call. What runs on them is a whole block of queries, so making them anew for each
 * block is little beside it, and there is no pool to keep. */
#include "parallel.h"

#include "alloc.h"
#include "error.h"
#include "figures.h"
#include "thread.h"

struct job {
	int (*work)(void *context, uint32_t i, struct cel_error *e);
	void *context;
	uint32_t i;
	int result;
	bool is_threaded;
	pthread_t thread;
	struct cel_error error;
};

static void *run_job(void *argument)
{
	struct job *job = argument;
	job->result = job->work(job->context, job->i, &job->error);
	return NULL;
}

int parallel_run(uint32_t n, int (*work)(void *context, uint32_t i, struct cel_error *e), void *context,
		 struct cel_error *e)
{
	if (n == 1)
		return work(context, 0, e);
	struct job *jobs = mem_calloc(n, sizeof *jobs);
	if (jobs == NULL)
		return error_nomem(e, n * sizeof *jobs);
	figure_raise(FIGURE_THREADS, n);
	for (uint32_t i = 0; i < n; i++) {
		jobs[i] = (struct job){.work = work, .context = context, .i = i};
		jobs[i].is_threaded = i > 0 && thread_start(&jobs[i].thread, run_job, &jobs[i]);
	}
	for (uint32_t i = 0; i < n; i++)
		if (!jobs[i].is_threaded)
			run_job(&jobs[i]);
	int rc = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (jobs[i].is_threaded)
			pthread_join(jobs[i].thread, NULL);
		if (rc == 0 && jobs[i].result < 0) {
			rc = jobs[i].result;
			if (e != NULL)
				*e = jobs[i].error;
		}
	}
	mem_free(jobs);
	return rc;
}
