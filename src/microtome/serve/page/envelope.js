/** Squared distances along a line in linear time: the lower envelope of parabolas (Felzenszwalb & Huttenlocher 2012). */

/** The lower envelope of parabolas, one on each voxel of a line, with room for lines up to a length. */
export class Envelope {
  /** @param {number} length */
  constructor(length) {
    this.heights = new Float64Array(length);
    /** Where the parabolas of the envelope stand. */
    this.places = new Int32Array(length);
    /** From where on each of them is the lowest. */
    this.starts = new Float64Array(length);
    /** What the voxels carried. */
    this.held = new Float64Array(length);
  }

  /**
   * Replace the values of a line by the envelope of parabolas that stand on them.
   *
   * @param {Float64Array} values changed in place
   * @param {number} offset @param {number} stride @param {number} count
   * @param {number} [side] of a voxel
   * @param {Uint8Array | null} [carried] changed in place: what stands on each voxel, which goes as far as its parabola
   */
  transform(values, offset, stride, count, side = 1, carried = null) {
    for (let q = 0; q < count; q++) {
      this.heights[q] = values[offset + q * stride] / (side * side);
      this.held[q] = carried ? carried[offset + q * stride] : 0;
    }
    const parabolas = this.#build(count);
    if (parabolas === 0) {
      return;
    }
    let k = 0;
    for (let q = 0; q < count; q++) {
      while (k + 1 < parabolas && this.starts[k + 1] < q) {
        k++;
      }
      const place = this.places[k];
      values[offset + q * stride] = ((q - place) ** 2 + this.heights[place]) * side * side;
      if (carried) {
        carried[offset + q * stride] = this.held[place];
      }
    }
  }

  /** @param {number} count @returns {number} how many parabolas make up the envelope */
  #build(count) {
    let k = 0;
    for (let q = 0; q < count; q++) {
      if (this.heights[q] < Infinity) {
        while (k > 0 && this.#crossing(this.places[k - 1], q) <= this.starts[k - 1]) {
          k--;
        }
        this.starts[k] = k === 0 ? -Infinity : this.#crossing(this.places[k - 1], q);
        this.places[k] = q;
        k++;
      }
    }
    return k;
  }

  /** @param {number} p @param {number} q @returns {number} where the parabola on p meets the one on q */
  #crossing(p, q) {
    return (this.heights[q] + q * q - this.heights[p] - p * p) / (2 * (q - p));
  }
}
