// Made from ../../schemas by `cargo xtask schemas`. Do not edit.

export const schemas = {
  "BatchProgressed": {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {
      "ActionId": {
        "description": "action id: 1 to 64 letters, digits, '-' or '_'",
        "maxLength": 64,
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "type": "string"
      },
      "CorrelationId": {
        "description": "correlation id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "EventId": {
        "description": "event id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "ExecutionArn": {
        "description": "execution ARN: arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters",
        "maxLength": 256,
        "minLength": 1,
        "pattern": "^arn:[A-Za-z0-9_-]{1,32}:states:[A-Za-z0-9_-]{1,32}:[0-9]{12}:execution:[A-Za-z0-9_-]{1,80}:[A-Za-z0-9_-]{1,80}$",
        "type": "string"
      },
      "FailedAction": {
        "description": "An action that got no tasks, and why.",
        "properties": {
          "actionId": {
            "allOf": [
              {
                "$ref": "#/definitions/ActionId"
              }
            ],
            "description": "The action."
          },
          "attempts": {
            "description": "How many times the AI was asked.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "code": {
            "allOf": [
              {
                "$ref": "#/definitions/FailureCode"
              }
            ],
            "description": "Why, for programs."
          },
          "message": {
            "description": "Why, for people. At most 200 characters, never a user's text.",
            "maxLength": 200,
            "type": "string"
          }
        },
        "required": [
          "actionId",
          "code",
          "message",
          "attempts"
        ],
        "type": "object"
      },
      "FailureCode": {
        "description": "Why an action got no tasks. Names are never reused or changed.\n\nOpen vocabulary: accept a name that is not in this list, because names may be added.\n\n- `AI_TIMEOUT`: The AI did not answer in time.\n- `AI_THROTTLED`: The AI refused for load.\n- `AI_UNAVAILABLE`: The AI could not be reached or failed.\n- `AI_INVALID_ANSWER`: The AI answered with something that is not a list of tasks within the limits.\n- `AI_REJECTED`: The AI refused the request itself; asking again would not help.\n- `ACTION_GONE`: The action is no longer part of the goal, or the goal is gone.\n- `GOAL_CLOSED`: The user has closed the goal: completed, paused or cancelled it.\n- `TASKS_EXIST`: The action has tasks already, and this workflow may not replace them.\n- `BATCH_DEADLINE`: The batch's time was over before this action was finished.\n- `CANCELLED`: The workflow was cancelled: the action has no tasks, or not any more.\n- `NOT_PROCESSED`: The batch was lost: no worker reported this action before the end.",
        "pattern": "^[A-Z][A-Z0-9_]*$",
        "type": "string",
        "x-extensible-enum": [
          "AI_TIMEOUT",
          "AI_THROTTLED",
          "AI_UNAVAILABLE",
          "AI_INVALID_ANSWER",
          "AI_REJECTED",
          "ACTION_GONE",
          "GOAL_CLOSED",
          "TASKS_EXIST",
          "BATCH_DEADLINE",
          "CANCELLED",
          "NOT_PROCESSED"
        ]
      },
      "GoalId": {
        "description": "goal id: 1 to 64 letters, digits, '-' or '_'",
        "maxLength": 64,
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "type": "string"
      },
      "Repairs": {
        "description": "How many accepted answers had to be repaired, by kind. A kind that did not occur is missing. An AI that needs this often\nworks, but another model, or another setting of this one, may serve better.",
        "properties": {
          "cleaned": {
            "description": "A title or description contained invisible characters.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "numberAsText": {
            "description": "An estimate was a text.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "prose": {
            "description": "Text stood around the JSON.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "reasoningField": {
            "description": "The answer was in the field for the model's reasoning.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "shortened": {
            "description": "A title or description was a little too long, and was cut.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "spelling": {
            "description": "A field or a priority was spelled differently.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "stream": {
            "description": "The server streamed its answer, or marked its end, though it was asked not to.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "syntax": {
            "description": "The JSON had trailing commas, comments or other quotation marks.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "textForJson": {
            "description": "The tasks were JSON within a text.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "thinking": {
            "description": "It thought aloud before the answer.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "wrapper": {
            "description": "The tasks were a bare list, or within another object.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          }
        },
        "type": "object"
      },
      "RequestRef": {
        "description": "By what a request is known: its sender recognises what belongs to it.",
        "properties": {
          "eventId": {
            "allOf": [
              {
                "$ref": "#/definitions/EventId"
              }
            ],
            "description": "The `eventId` of the request; one of the pipeline's own for a call of the API."
          },
          "source": {
            "description": "The `source` of the request's event; `goal-activity` for a call of the API.",
            "maxLength": 256,
            "minLength": 1,
            "type": "string"
          }
        },
        "required": [
          "source",
          "eventId"
        ],
        "type": "object"
      },
      "Timestamp": {
        "description": "An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.",
        "format": "date-time",
        "type": "string"
      },
      "Traceparent": {
        "description": "traceparent of W3C Trace Context; one that is malformed is ignored",
        "maxLength": 55,
        "minLength": 55,
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "type": "string"
      },
      "Usage": {
        "description": "What the AI took: for one action, or summed over several. What a worker had spent when it died, before it could record\nthe action, is not in it.",
        "properties": {
          "attempts": {
            "description": "How many times the AI was asked.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "costMicroUsd": {
            "description": "An estimate of the price of the counted tokens, in millionths of a US dollar. Missing when the price of any part is\nnot known.",
            "format": "int64",
            "minimum": 0,
            "type": "integer"
          },
          "fallbackAttempts": {
            "description": "How many of the attempts were made with the second AI, which takes over when the first is not available. Missing when\nthere were none.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "inputTokens": {
            "description": "How many tokens it has read, as it counts them.",
            "format": "int64",
            "minimum": 0,
            "type": "integer"
          },
          "latencyMs": {
            "description": "How long its answers took, in milliseconds: the sum over all calls, also of those that ran side by side.",
            "format": "int64",
            "minimum": 0,
            "type": "integer"
          },
          "outputTokens": {
            "description": "How many tokens it has written.",
            "format": "int64",
            "minimum": 0,
            "type": "integer"
          },
          "repairs": {
            "allOf": [
              {
                "$ref": "#/definitions/Repairs"
              }
            ],
            "description": "How many accepted answers had to be repaired, by kind. Missing when none had to be."
          }
        },
        "required": [
          "attempts",
          "inputTokens",
          "outputTokens",
          "latencyMs"
        ],
        "type": "object"
      },
      "UserId": {
        "description": "user id: 1 to 255 printable ASCII characters, spaces only between others",
        "maxLength": 255,
        "minLength": 1,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
        "type": "string"
      },
      "Version": {
        "description": "The version of a message's shape. Within one, only optional fields are added; anything else is a new version.\n\nClosed vocabulary:\n\n- `1`: The first and present shape.",
        "enum": [
          "1"
        ],
        "type": "string"
      }
    },
    "description": "A batch's whole state so far. Events of a batch may be lost, repeated or reordered: the highest sequence wins (promise P6).",
    "properties": {
      "batchIndex": {
        "description": "Which batch, from 0.",
        "format": "int64",
        "maximum": 4294967295,
        "minimum": 0,
        "type": "integer"
      },
      "correlationId": {
        "allOf": [
          {
            "$ref": "#/definitions/CorrelationId"
          }
        ],
        "description": "What the request said to recognise it by."
      },
      "eventId": {
        "allOf": [
          {
            "$ref": "#/definitions/EventId"
          }
        ],
        "description": "Derived from the execution, the batch and the sequence."
      },
      "executionArn": {
        "allOf": [
          {
            "$ref": "#/definitions/ExecutionArn"
          }
        ],
        "description": "The workflow."
      },
      "failedActions": {
        "description": "Those that failed.",
        "items": {
          "$ref": "#/definitions/FailedAction"
        },
        "type": "array"
      },
      "goalId": {
        "allOf": [
          {
            "$ref": "#/definitions/GoalId"
          }
        ],
        "description": "Its goal."
      },
      "occurredAt": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When this was the state."
      },
      "request": {
        "allOf": [
          {
            "$ref": "#/definitions/RequestRef"
          }
        ],
        "description": "What asked for the workflow. Missing in workflows of before it was noted."
      },
      "sequence": {
        "description": "Grows with every change of the batch's state.",
        "format": "int64",
        "minimum": 0,
        "type": "integer"
      },
      "succeededActions": {
        "description": "How many of them have their tasks.",
        "format": "int64",
        "maximum": 4294967295,
        "minimum": 0,
        "type": "integer"
      },
      "totalActions": {
        "description": "How many actions the batch has.",
        "format": "int64",
        "maximum": 4294967295,
        "minimum": 0,
        "type": "integer"
      },
      "traceparent": {
        "allOf": [
          {
            "$ref": "#/definitions/Traceparent"
          }
        ],
        "description": "The trace context (W3C) of this message. A malformed one is ignored."
      },
      "usage": {
        "allOf": [
          {
            "$ref": "#/definitions/Usage"
          }
        ],
        "description": "What the AI took for those that have an outcome."
      },
      "userId": {
        "allOf": [
          {
            "$ref": "#/definitions/UserId"
          }
        ],
        "description": "Its user."
      },
      "version": {
        "allOf": [
          {
            "$ref": "#/definitions/Version"
          }
        ],
        "description": "The shape of this message."
      }
    },
    "required": [
      "version",
      "eventId",
      "occurredAt",
      "executionArn",
      "goalId",
      "userId",
      "batchIndex",
      "sequence",
      "totalActions",
      "succeededActions",
      "failedActions"
    ],
    "title": "BatchProgressed",
    "type": "object"
  },
  "GoalActivityAccepted": {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {
      "CorrelationId": {
        "description": "correlation id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "EventId": {
        "description": "event id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "ExecutionArn": {
        "description": "execution ARN: arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters",
        "maxLength": 256,
        "minLength": 1,
        "pattern": "^arn:[A-Za-z0-9_-]{1,32}:states:[A-Za-z0-9_-]{1,32}:[0-9]{12}:execution:[A-Za-z0-9_-]{1,80}:[A-Za-z0-9_-]{1,80}$",
        "type": "string"
      },
      "GoalId": {
        "description": "goal id: 1 to 64 letters, digits, '-' or '_'",
        "maxLength": 64,
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "type": "string"
      },
      "RequestRef": {
        "description": "By what a request is known: its sender recognises what belongs to it.",
        "properties": {
          "eventId": {
            "allOf": [
              {
                "$ref": "#/definitions/EventId"
              }
            ],
            "description": "The `eventId` of the request; one of the pipeline's own for a call of the API."
          },
          "source": {
            "description": "The `source` of the request's event; `goal-activity` for a call of the API.",
            "maxLength": 256,
            "minLength": 1,
            "type": "string"
          }
        },
        "required": [
          "source",
          "eventId"
        ],
        "type": "object"
      },
      "Timestamp": {
        "description": "An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.",
        "format": "date-time",
        "type": "string"
      },
      "Traceparent": {
        "description": "traceparent of W3C Trace Context; one that is malformed is ignored",
        "maxLength": 55,
        "minLength": 55,
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "type": "string"
      },
      "UserId": {
        "description": "user id: 1 to 255 printable ASCII characters, spaces only between others",
        "maxLength": 255,
        "minLength": 1,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
        "type": "string"
      },
      "Version": {
        "description": "The version of a message's shape. Within one, only optional fields are added; anything else is a new version.\n\nClosed vocabulary:\n\n- `1`: The first and present shape.",
        "enum": [
          "1"
        ],
        "type": "string"
      }
    },
    "description": "A request of another service was accepted: its workflow runs, or waits for its turn. Its end comes as\n`WorkflowCompleted`, with the same `executionArn`. For a `GoalActivityCancelRequested` it is the workflow that is stopped.",
    "properties": {
      "correlationId": {
        "allOf": [
          {
            "$ref": "#/definitions/CorrelationId"
          }
        ],
        "description": "What the request said to recognise it by."
      },
      "eventId": {
        "allOf": [
          {
            "$ref": "#/definitions/EventId"
          }
        ],
        "description": "One per accepted request: the same for every delivery of it."
      },
      "executionArn": {
        "allOf": [
          {
            "$ref": "#/definitions/ExecutionArn"
          }
        ],
        "description": "The workflow as which it was accepted."
      },
      "goalId": {
        "allOf": [
          {
            "$ref": "#/definitions/GoalId"
          }
        ],
        "description": "Its goal."
      },
      "occurredAt": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When the answer was given."
      },
      "request": {
        "allOf": [
          {
            "$ref": "#/definitions/RequestRef"
          }
        ],
        "description": "The request."
      },
      "totalActions": {
        "description": "How many actions it is to turn into tasks.",
        "format": "int64",
        "maximum": 4294967295,
        "minimum": 0,
        "type": "integer"
      },
      "traceparent": {
        "allOf": [
          {
            "$ref": "#/definitions/Traceparent"
          }
        ],
        "description": "The trace context (W3C) of this message. A malformed one is ignored."
      },
      "userId": {
        "allOf": [
          {
            "$ref": "#/definitions/UserId"
          }
        ],
        "description": "Its user."
      },
      "version": {
        "allOf": [
          {
            "$ref": "#/definitions/Version"
          }
        ],
        "description": "The shape of this message."
      },
      "waiting": {
        "description": "`true` if the workflow waited for its turn when the answer was given.",
        "type": "boolean"
      },
      "waitingBefore": {
        "description": "About how many workflows then waited before it, counted up to 100: the list is seconds behind. 0 if it did not wait.",
        "format": "int64",
        "maximum": 4294967295,
        "minimum": 0,
        "type": "integer"
      }
    },
    "required": [
      "version",
      "eventId",
      "occurredAt",
      "request",
      "executionArn",
      "goalId",
      "userId",
      "totalActions",
      "waiting",
      "waitingBefore"
    ],
    "title": "GoalActivityAccepted",
    "type": "object"
  },
  "GoalActivityCancelRequested": {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {
      "CorrelationId": {
        "description": "correlation id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "EventId": {
        "description": "event id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "ExecutionArn": {
        "description": "execution ARN: arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters",
        "maxLength": 256,
        "minLength": 1,
        "pattern": "^arn:[A-Za-z0-9_-]{1,32}:states:[A-Za-z0-9_-]{1,32}:[0-9]{12}:execution:[A-Za-z0-9_-]{1,80}:[A-Za-z0-9_-]{1,80}$",
        "type": "string"
      },
      "Timestamp": {
        "description": "An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.",
        "format": "date-time",
        "type": "string"
      },
      "Traceparent": {
        "description": "traceparent of W3C Trace Context; one that is malformed is ignored",
        "maxLength": 55,
        "minLength": 55,
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "type": "string"
      },
      "UserId": {
        "description": "user id: 1 to 255 printable ASCII characters, spaces only between others",
        "maxLength": 255,
        "minLength": 1,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
        "type": "string"
      },
      "Version": {
        "description": "The version of a message's shape. Within one, only optional fields are added; anything else is a new version.\n\nClosed vocabulary:\n\n- `1`: The first and present shape.",
        "enum": [
          "1"
        ],
        "type": "string"
      }
    },
    "description": "Please stop this workflow, and remove its tasks. Only the service that has asked for the workflow may ask for that.\n\nAnswered by `GoalActivityAccepted` or `GoalActivityRejected`; the workflow then ends as `ABORTED`.",
    "properties": {
      "correlationId": {
        "anyOf": [
          {
            "$ref": "#/definitions/CorrelationId"
          },
          {
            "type": "null"
          }
        ],
        "description": "By what the requester recognises the answer, which repeats it."
      },
      "eventId": {
        "allOf": [
          {
            "$ref": "#/definitions/EventId"
          }
        ],
        "description": "Identifies the request: the same id delivered again is the same request."
      },
      "executionArn": {
        "allOf": [
          {
            "$ref": "#/definitions/ExecutionArn"
          }
        ],
        "description": "The workflow to stop."
      },
      "occurredAt": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When it was requested."
      },
      "traceparent": {
        "anyOf": [
          {
            "$ref": "#/definitions/Traceparent"
          },
          {
            "type": "null"
          }
        ],
        "description": "The trace context (W3C) of this message. A malformed one is ignored."
      },
      "userId": {
        "allOf": [
          {
            "$ref": "#/definitions/UserId"
          }
        ],
        "description": "Its user, in whose name the request is made."
      },
      "version": {
        "allOf": [
          {
            "$ref": "#/definitions/Version"
          }
        ],
        "description": "The shape of this message."
      }
    },
    "required": [
      "version",
      "eventId",
      "occurredAt",
      "executionArn",
      "userId"
    ],
    "title": "GoalActivityCancelRequested",
    "type": "object"
  },
  "GoalActivityRejected": {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {
      "CorrelationId": {
        "description": "correlation id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "EventId": {
        "description": "event id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "ExecutionArn": {
        "description": "execution ARN: arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters",
        "maxLength": 256,
        "minLength": 1,
        "pattern": "^arn:[A-Za-z0-9_-]{1,32}:states:[A-Za-z0-9_-]{1,32}:[0-9]{12}:execution:[A-Za-z0-9_-]{1,80}:[A-Za-z0-9_-]{1,80}$",
        "type": "string"
      },
      "GoalId": {
        "description": "goal id: 1 to 64 letters, digits, '-' or '_'",
        "maxLength": 64,
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "type": "string"
      },
      "RejectionReason": {
        "description": "Why a request was rejected. Names are never reused or changed.\n\nOpen vocabulary: accept a name that is not in this list, because names may be added.\n\n- `UNKNOWN_GOAL`: No such goal.\n- `NOT_OWNER`: The goal belongs to another user.\n- `ALREADY_RUNNING`: A workflow of this goal has not ended yet.\n- `NO_ACTIONS`: The goal has no actions.\n- `UNKNOWN_ACTION`: The request names an action that the goal does not have.\n- `NOTHING_TO_DO`: Every requested action has tasks already, and the request does not ask to regenerate them.\n- `GOAL_CLOSED`: The goal is completed, paused or cancelled.\n- `TOO_MANY_RUNNING`: So many workflows of the user are running that no more may be started until one has ended.\n- `DAILY_LIMIT`: With this request the user would have asked for more actions than are allowed on one day (UTC).\n- `INVALID`: The request breaks the contract of its version.\n- `REQUEST_ID_REUSED`: The `eventId` was used for an accepted request that asks for something else.\n- `UNKNOWN_EXECUTION`: There is no such workflow, or it ended more than 90 days ago.\n- `NOT_REQUESTER`: Another service, or a user, has asked for the workflow.\n- `ALREADY_ENDED`: The workflow has ended already, and was not cancelled.\n- `NOT_ENDED`: The workflow has not ended yet, so it is not known what is to be retried.\n- `NOTHING_FAILED`: No action of the workflow has failed.\n- `GOAL_UNREADABLE`: The goal is stored in a form that cannot be read. `message` names the row and the attribute.",
        "pattern": "^[A-Z][A-Z0-9_]*$",
        "type": "string",
        "x-extensible-enum": [
          "UNKNOWN_GOAL",
          "NOT_OWNER",
          "ALREADY_RUNNING",
          "NO_ACTIONS",
          "UNKNOWN_ACTION",
          "NOTHING_TO_DO",
          "GOAL_CLOSED",
          "TOO_MANY_RUNNING",
          "DAILY_LIMIT",
          "INVALID",
          "REQUEST_ID_REUSED",
          "UNKNOWN_EXECUTION",
          "NOT_REQUESTER",
          "ALREADY_ENDED",
          "NOT_ENDED",
          "NOTHING_FAILED",
          "GOAL_UNREADABLE"
        ]
      },
      "RequestRef": {
        "description": "By what a request is known: its sender recognises what belongs to it.",
        "properties": {
          "eventId": {
            "allOf": [
              {
                "$ref": "#/definitions/EventId"
              }
            ],
            "description": "The `eventId` of the request; one of the pipeline's own for a call of the API."
          },
          "source": {
            "description": "The `source` of the request's event; `goal-activity` for a call of the API.",
            "maxLength": 256,
            "minLength": 1,
            "type": "string"
          }
        },
        "required": [
          "source",
          "eventId"
        ],
        "type": "object"
      },
      "Timestamp": {
        "description": "An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.",
        "format": "date-time",
        "type": "string"
      },
      "Traceparent": {
        "description": "traceparent of W3C Trace Context; one that is malformed is ignored",
        "maxLength": 55,
        "minLength": 55,
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "type": "string"
      },
      "UserId": {
        "description": "user id: 1 to 255 printable ASCII characters, spaces only between others",
        "maxLength": 255,
        "minLength": 1,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
        "type": "string"
      },
      "Version": {
        "description": "The version of a message's shape. Within one, only optional fields are added; anything else is a new version.\n\nClosed vocabulary:\n\n- `1`: The first and present shape.",
        "enum": [
          "1"
        ],
        "type": "string"
      }
    },
    "description": "A `GoalActivityRequested` could not be accepted, and the pipeline does not try it again by\nitself. Nothing of it is remembered: sent again with the same `eventId`, it is looked at anew.",
    "properties": {
      "correlationId": {
        "allOf": [
          {
            "$ref": "#/definitions/CorrelationId"
          }
        ],
        "description": "What the request said to recognise it by, where that can be read."
      },
      "eventId": {
        "allOf": [
          {
            "$ref": "#/definitions/EventId"
          }
        ],
        "description": "Identifies this answer: the same when the request is delivered again, another one for another answer, and when the\nrequest is emitted again."
      },
      "executionArn": {
        "allOf": [
          {
            "$ref": "#/definitions/ExecutionArn"
          }
        ],
        "description": "The workflow that stands in the way, where there is one."
      },
      "goalId": {
        "allOf": [
          {
            "$ref": "#/definitions/GoalId"
          }
        ],
        "description": "The requested goal, where the request named one that can be read."
      },
      "message": {
        "description": "Why, for people.",
        "type": "string"
      },
      "occurredAt": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When it was rejected."
      },
      "reason": {
        "allOf": [
          {
            "$ref": "#/definitions/RejectionReason"
          }
        ],
        "description": "Why, for programs."
      },
      "request": {
        "allOf": [
          {
            "$ref": "#/definitions/RequestRef"
          }
        ],
        "description": "The request, with its source: by `detail.request.source` a rule selects the answers to one service. Missing if the\nsource cannot be repeated."
      },
      "requestEventId": {
        "allOf": [
          {
            "$ref": "#/definitions/EventId"
          }
        ],
        "description": "The `eventId` of the request."
      },
      "retryable": {
        "description": "`true` if the same request may be accepted later without a change of the goal. Missing in rejections of before it was noted.",
        "type": "boolean"
      },
      "traceparent": {
        "allOf": [
          {
            "$ref": "#/definitions/Traceparent"
          }
        ],
        "description": "The trace context (W3C) of this message. A malformed one is ignored."
      },
      "userId": {
        "allOf": [
          {
            "$ref": "#/definitions/UserId"
          }
        ],
        "description": "The requesting user, where the request named one that can be read."
      },
      "version": {
        "allOf": [
          {
            "$ref": "#/definitions/Version"
          }
        ],
        "description": "The shape of this message."
      }
    },
    "required": [
      "version",
      "eventId",
      "occurredAt",
      "requestEventId",
      "reason",
      "message"
    ],
    "title": "GoalActivityRejected",
    "type": "object"
  },
  "GoalActivityRequested": {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {
      "ActionId": {
        "description": "action id: 1 to 64 letters, digits, '-' or '_'",
        "maxLength": 64,
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "type": "string"
      },
      "CorrelationId": {
        "description": "correlation id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "EventId": {
        "description": "event id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "ExecutionArn": {
        "description": "execution ARN: arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters",
        "maxLength": 256,
        "minLength": 1,
        "pattern": "^arn:[A-Za-z0-9_-]{1,32}:states:[A-Za-z0-9_-]{1,32}:[0-9]{12}:execution:[A-Za-z0-9_-]{1,80}:[A-Za-z0-9_-]{1,80}$",
        "type": "string"
      },
      "GoalId": {
        "description": "goal id: 1 to 64 letters, digits, '-' or '_'",
        "maxLength": 64,
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "type": "string"
      },
      "PriorityClass": {
        "description": "How urgent a request is when more is requested than can be processed at once.\n\nClosed vocabulary:\n\n- `INTERACTIVE`: A user waits for the result.\n- `BULK`: Work in the background: what is interactive and comes within the next hour is launched first, and nothing that comes later.",
        "enum": [
          "INTERACTIVE",
          "BULK"
        ],
        "type": "string"
      },
      "Timestamp": {
        "description": "An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.",
        "format": "date-time",
        "type": "string"
      },
      "Traceparent": {
        "description": "traceparent of W3C Trace Context; one that is malformed is ignored",
        "maxLength": 55,
        "minLength": 55,
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "type": "string"
      },
      "UserId": {
        "description": "user id: 1 to 255 printable ASCII characters, spaces only between others",
        "maxLength": 255,
        "minLength": 1,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
        "type": "string"
      },
      "Version": {
        "description": "The version of a message's shape. Within one, only optional fields are added; anything else is a new version.\n\nClosed vocabulary:\n\n- `1`: The first and present shape.",
        "enum": [
          "1"
        ],
        "type": "string"
      }
    },
    "description": "Please turn this goal's actions into tasks.\n\nEmitted by the API after it has claimed the goal (then with `executionArn`), or by any other service (without).",
    "properties": {
      "actionIds": {
        "description": "Only these actions. Without it: every action that has no tasks yet.",
        "items": {
          "$ref": "#/definitions/ActionId"
        },
        "maxItems": 64,
        "minItems": 1,
        "type": [
          "array",
          "null"
        ]
      },
      "correlationId": {
        "anyOf": [
          {
            "$ref": "#/definitions/CorrelationId"
          },
          {
            "type": "null"
          }
        ],
        "description": "By what the requester recognises the answers and the events of the workflow, which repeat it."
      },
      "eventId": {
        "allOf": [
          {
            "$ref": "#/definitions/EventId"
          }
        ],
        "description": "Identifies the request: the same id delivered again is the same request (promise P2)."
      },
      "executionArn": {
        "anyOf": [
          {
            "$ref": "#/definitions/ExecutionArn"
          },
          {
            "type": "null"
          }
        ],
        "description": "The workflow that the API has already recorded for this request. Other services leave it out."
      },
      "goalId": {
        "allOf": [
          {
            "$ref": "#/definitions/GoalId"
          }
        ],
        "description": "The goal."
      },
      "occurredAt": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When it was requested."
      },
      "priorityClass": {
        "allOf": [
          {
            "$ref": "#/definitions/PriorityClass"
          }
        ],
        "description": "How urgent it is. Without it: a user is waiting."
      },
      "regenerate": {
        "description": "Replace the tasks of actions that already have some.",
        "type": "boolean"
      },
      "traceparent": {
        "anyOf": [
          {
            "$ref": "#/definitions/Traceparent"
          },
          {
            "type": "null"
          }
        ],
        "description": "The trace context (W3C) of this message. A malformed one is ignored."
      },
      "userId": {
        "allOf": [
          {
            "$ref": "#/definitions/UserId"
          }
        ],
        "description": "The goal's owner, in whose name the request is made."
      },
      "version": {
        "allOf": [
          {
            "$ref": "#/definitions/Version"
          }
        ],
        "description": "The shape of this message."
      }
    },
    "required": [
      "version",
      "eventId",
      "occurredAt",
      "goalId",
      "userId"
    ],
    "title": "GoalActivityRequested",
    "type": "object"
  },
  "GoalActivityRetryRequested": {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {
      "CorrelationId": {
        "description": "correlation id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "EventId": {
        "description": "event id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "ExecutionArn": {
        "description": "execution ARN: arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters",
        "maxLength": 256,
        "minLength": 1,
        "pattern": "^arn:[A-Za-z0-9_-]{1,32}:states:[A-Za-z0-9_-]{1,32}:[0-9]{12}:execution:[A-Za-z0-9_-]{1,80}:[A-Za-z0-9_-]{1,80}$",
        "type": "string"
      },
      "PriorityClass": {
        "description": "How urgent a request is when more is requested than can be processed at once.\n\nClosed vocabulary:\n\n- `INTERACTIVE`: A user waits for the result.\n- `BULK`: Work in the background: what is interactive and comes within the next hour is launched first, and nothing that comes later.",
        "enum": [
          "INTERACTIVE",
          "BULK"
        ],
        "type": "string"
      },
      "Timestamp": {
        "description": "An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.",
        "format": "date-time",
        "type": "string"
      },
      "Traceparent": {
        "description": "traceparent of W3C Trace Context; one that is malformed is ignored",
        "maxLength": 55,
        "minLength": 55,
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "type": "string"
      },
      "UserId": {
        "description": "user id: 1 to 255 printable ASCII characters, spaces only between others",
        "maxLength": 255,
        "minLength": 1,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
        "type": "string"
      },
      "Version": {
        "description": "The version of a message's shape. Within one, only optional fields are added; anything else is a new version.\n\nClosed vocabulary:\n\n- `1`: The first and present shape.",
        "enum": [
          "1"
        ],
        "type": "string"
      }
    },
    "description": "Please start a new workflow for the actions that failed in this one, which has ended. Only the service that has asked for\nthat workflow may ask for that.\n\nAnswered by `GoalActivityAccepted`, with the new workflow, or `GoalActivityRejected`.",
    "properties": {
      "correlationId": {
        "anyOf": [
          {
            "$ref": "#/definitions/CorrelationId"
          },
          {
            "type": "null"
          }
        ],
        "description": "By what the requester recognises the answers and the events of the new workflow, which repeat it."
      },
      "eventId": {
        "allOf": [
          {
            "$ref": "#/definitions/EventId"
          }
        ],
        "description": "Identifies the request: the same id delivered again is the same request (promise P2)."
      },
      "executionArn": {
        "allOf": [
          {
            "$ref": "#/definitions/ExecutionArn"
          }
        ],
        "description": "The workflow that has ended."
      },
      "occurredAt": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When it was requested."
      },
      "priorityClass": {
        "allOf": [
          {
            "$ref": "#/definitions/PriorityClass"
          }
        ],
        "description": "How urgent it is. Without it: a user is waiting."
      },
      "traceparent": {
        "anyOf": [
          {
            "$ref": "#/definitions/Traceparent"
          },
          {
            "type": "null"
          }
        ],
        "description": "The trace context (W3C) of this message. A malformed one is ignored."
      },
      "userId": {
        "allOf": [
          {
            "$ref": "#/definitions/UserId"
          }
        ],
        "description": "Its user, in whose name the request is made."
      },
      "version": {
        "allOf": [
          {
            "$ref": "#/definitions/Version"
          }
        ],
        "description": "The shape of this message."
      }
    },
    "required": [
      "version",
      "eventId",
      "occurredAt",
      "executionArn",
      "userId"
    ],
    "title": "GoalActivityRetryRequested",
    "type": "object"
  },
  "WorkflowCompleted": {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {
      "ActionId": {
        "description": "action id: 1 to 64 letters, digits, '-' or '_'",
        "maxLength": 64,
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "type": "string"
      },
      "CorrelationId": {
        "description": "correlation id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "EventId": {
        "description": "event id: 1 to 128 printable ASCII characters without spaces",
        "maxLength": 128,
        "minLength": 1,
        "pattern": "^[!-~]+$",
        "type": "string"
      },
      "ExecutionArn": {
        "description": "execution ARN: arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters",
        "maxLength": 256,
        "minLength": 1,
        "pattern": "^arn:[A-Za-z0-9_-]{1,32}:states:[A-Za-z0-9_-]{1,32}:[0-9]{12}:execution:[A-Za-z0-9_-]{1,80}:[A-Za-z0-9_-]{1,80}$",
        "type": "string"
      },
      "FailedAction": {
        "description": "An action that got no tasks, and why.",
        "properties": {
          "actionId": {
            "allOf": [
              {
                "$ref": "#/definitions/ActionId"
              }
            ],
            "description": "The action."
          },
          "attempts": {
            "description": "How many times the AI was asked.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "code": {
            "allOf": [
              {
                "$ref": "#/definitions/FailureCode"
              }
            ],
            "description": "Why, for programs."
          },
          "message": {
            "description": "Why, for people. At most 200 characters, never a user's text.",
            "maxLength": 200,
            "type": "string"
          }
        },
        "required": [
          "actionId",
          "code",
          "message",
          "attempts"
        ],
        "type": "object"
      },
      "FailureCode": {
        "description": "Why an action got no tasks. Names are never reused or changed.\n\nOpen vocabulary: accept a name that is not in this list, because names may be added.\n\n- `AI_TIMEOUT`: The AI did not answer in time.\n- `AI_THROTTLED`: The AI refused for load.\n- `AI_UNAVAILABLE`: The AI could not be reached or failed.\n- `AI_INVALID_ANSWER`: The AI answered with something that is not a list of tasks within the limits.\n- `AI_REJECTED`: The AI refused the request itself; asking again would not help.\n- `ACTION_GONE`: The action is no longer part of the goal, or the goal is gone.\n- `GOAL_CLOSED`: The user has closed the goal: completed, paused or cancelled it.\n- `TASKS_EXIST`: The action has tasks already, and this workflow may not replace them.\n- `BATCH_DEADLINE`: The batch's time was over before this action was finished.\n- `CANCELLED`: The workflow was cancelled: the action has no tasks, or not any more.\n- `NOT_PROCESSED`: The batch was lost: no worker reported this action before the end.",
        "pattern": "^[A-Z][A-Z0-9_]*$",
        "type": "string",
        "x-extensible-enum": [
          "AI_TIMEOUT",
          "AI_THROTTLED",
          "AI_UNAVAILABLE",
          "AI_INVALID_ANSWER",
          "AI_REJECTED",
          "ACTION_GONE",
          "GOAL_CLOSED",
          "TASKS_EXIST",
          "BATCH_DEADLINE",
          "CANCELLED",
          "NOT_PROCESSED"
        ]
      },
      "FinalStatus": {
        "description": "How a workflow ended. It never changes afterwards. Another end would be another version.\n\nClosed vocabulary:\n\n- `SUCCEEDED`: Every action has its tasks.\n- `PARTIALLY_SUCCEEDED`: Some actions have their tasks.\n- `FAILED`: No action got tasks.\n- `TIMED_OUT`: It took too long; what was saved stays.\n- `ABORTED`: It was cancelled; its tasks are removed.",
        "enum": [
          "SUCCEEDED",
          "PARTIALLY_SUCCEEDED",
          "FAILED",
          "TIMED_OUT",
          "ABORTED"
        ],
        "type": "string"
      },
      "GoalId": {
        "description": "goal id: 1 to 64 letters, digits, '-' or '_'",
        "maxLength": 64,
        "minLength": 1,
        "pattern": "^[A-Za-z0-9_-]+$",
        "type": "string"
      },
      "Repairs": {
        "description": "How many accepted answers had to be repaired, by kind. A kind that did not occur is missing. An AI that needs this often\nworks, but another model, or another setting of this one, may serve better.",
        "properties": {
          "cleaned": {
            "description": "A title or description contained invisible characters.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "numberAsText": {
            "description": "An estimate was a text.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "prose": {
            "description": "Text stood around the JSON.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "reasoningField": {
            "description": "The answer was in the field for the model's reasoning.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "shortened": {
            "description": "A title or description was a little too long, and was cut.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "spelling": {
            "description": "A field or a priority was spelled differently.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "stream": {
            "description": "The server streamed its answer, or marked its end, though it was asked not to.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "syntax": {
            "description": "The JSON had trailing commas, comments or other quotation marks.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "textForJson": {
            "description": "The tasks were JSON within a text.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "thinking": {
            "description": "It thought aloud before the answer.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "wrapper": {
            "description": "The tasks were a bare list, or within another object.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          }
        },
        "type": "object"
      },
      "RequestRef": {
        "description": "By what a request is known: its sender recognises what belongs to it.",
        "properties": {
          "eventId": {
            "allOf": [
              {
                "$ref": "#/definitions/EventId"
              }
            ],
            "description": "The `eventId` of the request; one of the pipeline's own for a call of the API."
          },
          "source": {
            "description": "The `source` of the request's event; `goal-activity` for a call of the API.",
            "maxLength": 256,
            "minLength": 1,
            "type": "string"
          }
        },
        "required": [
          "source",
          "eventId"
        ],
        "type": "object"
      },
      "Timestamp": {
        "description": "An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.",
        "format": "date-time",
        "type": "string"
      },
      "Traceparent": {
        "description": "traceparent of W3C Trace Context; one that is malformed is ignored",
        "maxLength": 55,
        "minLength": 55,
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "type": "string"
      },
      "Usage": {
        "description": "What the AI took: for one action, or summed over several. What a worker had spent when it died, before it could record\nthe action, is not in it.",
        "properties": {
          "attempts": {
            "description": "How many times the AI was asked.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "costMicroUsd": {
            "description": "An estimate of the price of the counted tokens, in millionths of a US dollar. Missing when the price of any part is\nnot known.",
            "format": "int64",
            "minimum": 0,
            "type": "integer"
          },
          "fallbackAttempts": {
            "description": "How many of the attempts were made with the second AI, which takes over when the first is not available. Missing when\nthere were none.",
            "format": "int64",
            "maximum": 4294967295,
            "minimum": 0,
            "type": "integer"
          },
          "inputTokens": {
            "description": "How many tokens it has read, as it counts them.",
            "format": "int64",
            "minimum": 0,
            "type": "integer"
          },
          "latencyMs": {
            "description": "How long its answers took, in milliseconds: the sum over all calls, also of those that ran side by side.",
            "format": "int64",
            "minimum": 0,
            "type": "integer"
          },
          "outputTokens": {
            "description": "How many tokens it has written.",
            "format": "int64",
            "minimum": 0,
            "type": "integer"
          },
          "repairs": {
            "allOf": [
              {
                "$ref": "#/definitions/Repairs"
              }
            ],
            "description": "How many accepted answers had to be repaired, by kind. Missing when none had to be."
          }
        },
        "required": [
          "attempts",
          "inputTokens",
          "outputTokens",
          "latencyMs"
        ],
        "type": "object"
      },
      "UserId": {
        "description": "user id: 1 to 255 printable ASCII characters, spaces only between others",
        "maxLength": 255,
        "minLength": 1,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
        "type": "string"
      },
      "Version": {
        "description": "The version of a message's shape. Within one, only optional fields are added; anything else is a new version.\n\nClosed vocabulary:\n\n- `1`: The first and present shape.",
        "enum": [
          "1"
        ],
        "type": "string"
      }
    },
    "description": "A workflow ended. Delivered at least once, always with the same event id for the same workflow (promise P7).",
    "properties": {
      "correlationId": {
        "allOf": [
          {
            "$ref": "#/definitions/CorrelationId"
          }
        ],
        "description": "What the request said to recognise it by."
      },
      "durationMs": {
        "description": "From the request to the end, in milliseconds.",
        "format": "int64",
        "minimum": 0,
        "type": "integer"
      },
      "eventId": {
        "allOf": [
          {
            "$ref": "#/definitions/EventId"
          }
        ],
        "description": "Made from the workflow: the same each time the event is published."
      },
      "executionArn": {
        "allOf": [
          {
            "$ref": "#/definitions/ExecutionArn"
          }
        ],
        "description": "The workflow."
      },
      "failedActions": {
        "description": "The others, and why.",
        "items": {
          "$ref": "#/definitions/FailedAction"
        },
        "type": "array"
      },
      "goalId": {
        "allOf": [
          {
            "$ref": "#/definitions/GoalId"
          }
        ],
        "description": "Its goal."
      },
      "occurredAt": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When the workflow ended."
      },
      "request": {
        "allOf": [
          {
            "$ref": "#/definitions/RequestRef"
          }
        ],
        "description": "What asked for the workflow. Missing in workflows of before it was noted."
      },
      "startDate": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When it was requested."
      },
      "status": {
        "allOf": [
          {
            "$ref": "#/definitions/FinalStatus"
          }
        ],
        "description": "How it ended."
      },
      "stopDate": {
        "allOf": [
          {
            "$ref": "#/definitions/Timestamp"
          }
        ],
        "description": "When it ended."
      },
      "succeededActions": {
        "description": "How many it did.",
        "format": "int64",
        "maximum": 4294967295,
        "minimum": 0,
        "type": "integer"
      },
      "totalActions": {
        "description": "How many actions it was to turn into tasks.",
        "format": "int64",
        "maximum": 4294967295,
        "minimum": 0,
        "type": "integer"
      },
      "traceparent": {
        "allOf": [
          {
            "$ref": "#/definitions/Traceparent"
          }
        ],
        "description": "The trace context (W3C) of this message. A malformed one is ignored."
      },
      "usage": {
        "allOf": [
          {
            "$ref": "#/definitions/Usage"
          }
        ],
        "description": "What the AI took for all of them."
      },
      "userId": {
        "allOf": [
          {
            "$ref": "#/definitions/UserId"
          }
        ],
        "description": "Its user."
      },
      "version": {
        "allOf": [
          {
            "$ref": "#/definitions/Version"
          }
        ],
        "description": "The shape of this message."
      }
    },
    "required": [
      "version",
      "eventId",
      "occurredAt",
      "executionArn",
      "goalId",
      "userId",
      "status",
      "startDate",
      "stopDate",
      "durationMs",
      "totalActions",
      "succeededActions",
      "failedActions"
    ],
    "title": "WorkflowCompleted",
    "type": "object"
  }
} as const;
