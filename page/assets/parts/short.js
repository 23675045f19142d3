// What a user recognises of a link.

/** The link without what all links have. */
export const shortOf = (link) => (link ?? "").replace(/^https?:\/\/(www\.)?/, "").replace(/^youtube\.com\/watch\?v=/, "youtu.be/");
