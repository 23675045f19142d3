// A long list of which only what is near the screen is in the document: blocks of rows, and far
// ones are as high as they were, and empty.
import { h } from "../../core/dom.js";

/** Fills every row of cards of two to six columns. */
const BLOCK = 60;
const NEAR = "1500px 0px";

export class BlockList {
  #blocks = [];
  #items;
  #row;
  #observer;

  /** `row(item, index)` makes a row; blocks go before the end of `place`. */
  constructor({ place, items, row, signal }) {
    this.place = place;
    this.#items = items;
    this.#row = row;
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.#fill(target);
        else this.#empty(target);
      }
    }, { rootMargin: NEAR });
    signal.addEventListener("abort", () => this.#observer.disconnect());
  }

  /** Adds blocks for the items that have come; `isFilled` is false for those that are far away. */
  grow(isFilled = true) {
    const first = Math.max(this.#blocks.length - 1, 0);
    const count = Math.ceil(this.#items.length / BLOCK);
    for (let index = first; index < count; index += 1) {
      let block = this.#blocks[index];
      if (!block) {
        block = h("div", { class: "block", role: "rowgroup" });
        block.blockIndex = index;
        this.#blocks.push(block);
        this.place.append(block);
      }
      if (isFilled || index === 0) this.#fill(block);
      else this.#estimate(block);
      this.#observer.observe(block);
    }
  }

  /** Makes sure that the row is there, and returns it. */
  show(index) {
    const block = this.#blocks[Math.floor(index / BLOCK)];
    if (!block) return null;
    this.#fill(block);
    return block.children[index % BLOCK] ?? null;
  }

  /** The first row that is at or below the top of the screen: `{ index, top }`. */
  first(top) {
    for (const block of this.#blocks) {
      if (block.getBoundingClientRect().bottom <= top) continue;
      const rows = [...block.children];
      const at = rows.findIndex((one) => one.getBoundingClientRect().bottom > top);
      if (at >= 0) return { index: block.blockIndex * BLOCK + at, top: Math.round(rows[at].getBoundingClientRect().top) };
    }
    return null;
  }

  /** Rows are as high as their layout makes them: what was measured in another does not hold. */
  relayout() {
    for (const block of this.#blocks) if (block.childElementCount === 0) this.#estimate(block);
  }

  #fill(block) {
    const start = block.blockIndex * BLOCK;
    const wanted = this.#items.slice(start, start + BLOCK);
    if (block.childElementCount === wanted.length) return;
    const kept = block.childElementCount;
    block.append(...wanted.slice(kept).map((item, index) => this.#row(item, start + kept + index)));
    block.style.removeProperty("height");
  }

  #empty(block) {
    if (block.childElementCount === 0 || block.contains(document.activeElement)) return;
    block.style.setProperty("height", `${block.getBoundingClientRect().height}px`);
    block.replaceChildren();
  }

  /** As high as the first block, which is filled. */
  #estimate(block) {
    const filled = this.#blocks.find((one) => one.childElementCount > 0);
    const count = Math.min(BLOCK, this.#items.length - block.blockIndex * BLOCK);
    const height = filled ? filled.getBoundingClientRect().height / filled.childElementCount : 60;
    block.style.setProperty("height", `${height * count}px`);
  }
}
