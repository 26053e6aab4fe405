/** @import {Hover} from "../../src/microtome/serve/page/views.js" */

import assert from "node:assert/strict";
import { test } from "node:test";

import { PLANES } from "../../src/microtome/serve/page/planes.js";
import { voxelUnder } from "../../src/microtome/serve/page/statusbar.js";
import { Viewport } from "../../src/microtome/serve/page/viewport.js";

test("in every view the voxel under the pointer is told in the order z, y, x", () => {
  for (const plane of Object.values(PLANES)) {
    const viewport = new Viewport(plane, [45, 4.6, 4.6], { centre: [400, 30, 40] });
    const voxel = [7, 5, 9];
    const { x, y } = viewport.toScreen(voxel[plane.row] + 0.9, voxel[plane.col] + 0.1);
    const hover = /** @type {Hover} */ (/** @type {unknown} */ ({ pane: { plane, viewport, at: voxel[plane.normal] }, x, y }));
    assert.deepEqual(voxelUnder(hover), voxel, plane.name);
  }
});
