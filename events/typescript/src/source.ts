/** The `source` of every event that the pipeline itself emits. */
export const SOURCE = 'goal-activity';
