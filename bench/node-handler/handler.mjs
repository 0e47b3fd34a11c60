// Records a batch's progress, as functions/src/handlers/projector.rs does: the same event, the same one write to DynamoDB.
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";

const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const table = process.env.EXECUTIONS_TABLE;

export async function handler(event) {
  const batchItemFailures = [];
  for (const message of event.Records) {
    try {
      await record(progress(JSON.parse(message.body)));
    } catch (error) {
      if (error.name === "ConditionalCheckFailedException") continue;
      console.log(JSON.stringify({ level: "WARN", messageId: message.messageId, error: String(error) }));
      batchItemFailures.push({ itemIdentifier: message.messageId });
    }
  }
  console.log(JSON.stringify({ level: "INFO", received: event.Records.length, failed: batchItemFailures.length }));
  return { batchItemFailures };
}

function progress(envelope) {
  const detail = envelope.detail;
  if (envelope["detail-type"] !== "BatchProgressed" || detail?.version !== "1") throw new Error("another event");
  const { executionArn, goalId, batchIndex, sequence, totalActions, succeededActions, failedActions } = detail;
  const whole = [batchIndex, sequence, totalActions, succeededActions].every(Number.isSafeInteger);
  if (!whole || !Array.isArray(failedActions) || succeededActions + failedActions.length > totalActions) {
    throw new Error("malformed event");
  }
  if (!executionArn.split(":").pop().startsWith(`${goalId}-`)) throw new Error("an execution of another goal");
  return detail;
}

async function record(detail) {
  const { batchIndex, sequence, totalActions, succeededActions, failedActions, usage, occurredAt } = detail;
  const state = { sequence, total: totalActions, succeeded: succeededActions, failed: failedActions, usage, updatedAt: occurredAt };
  const entry = { at: occurredAt, what: "BATCH_FINISHED", batchIndex, succeeded: succeededActions, failed: failedActions.length };
  await client.send(new UpdateCommand({
    TableName: table,
    Key: { executionArn: detail.executionArn, item: "EXECUTION" },
    UpdateExpression:
      "SET #started = if_not_exists(#started, :at), #batches.#batch = :state, #timeline.#event = :entry",
    ConditionExpression:
      "attribute_exists(#arn) AND attribute_not_exists(#end) AND (attribute_not_exists(#batches.#batch) OR #batches.#batch.#sequence < :sequence)",
    ExpressionAttributeNames: {
      "#arn": "executionArn", "#started": "startedAt", "#end": "end", "#batches": "batches", "#batch": String(batchIndex), "#sequence": "sequence",
      "#timeline": "timeline", "#event": detail.eventId,
    },
    ExpressionAttributeValues: {
      ":at": occurredAt, ":state": state, ":sequence": sequence, ":entry": entry,
    },
  }));
}
