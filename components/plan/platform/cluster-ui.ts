/** Port that Headlamp listens on, in its container. */
export const headlampPort = 4466;
/** Account whose token people give to Headlamp: what it may read, they see. */
export const viewerAccount = "headlamp-viewer";
