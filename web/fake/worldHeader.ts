/** Names the world that a request is for: each test has its own. `<name>` or `<name>?scenarios=half,full&language=en`. */
export const WORLD_HEADER = 'x-fake-world';
