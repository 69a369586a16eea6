/* SPDX-License-Identifier: Apache-2.0 */
/* Places as points of the unit sphere, where the straight distance orders as the way over the ground does. 2^-30 of the
 * earth's radius is 6 mm. Sine and cosine are SLEEF's, the same bits on every target. */
#include <sleef.h>

#include "kernel.h"

static int32_t round_fixed(double x)
{
	double v = x * 0x1p30;
	v = v > -0x1p30 ? v : -0x1p30; /* NaN, of what is no place, too */
	v = v < 0x1p30 ? v : 0x1p30;
	return (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
}

void simd_sphere(const float place[2], int32_t out[3])
{
	double latitude = (double)place[0] * SIMD_DEGREE;
	double longitude = (double)place[1] * SIMD_DEGREE;
	double cosine = Sleef_cinz_cosd1_u35purec(latitude);
	out[0] = round_fixed(cosine * Sleef_cinz_cosd1_u35purec(longitude));
	out[1] = round_fixed(cosine * Sleef_cinz_sind1_u35purec(longitude));
	out[2] = round_fixed(Sleef_cinz_sind1_u35purec(latitude));
}
