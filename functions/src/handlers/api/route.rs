/// What the API can be asked for. The deployment lists the same routes (`infra/lib/api.ts`); a test there compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Goals,
    Goal,
    PutGoal,
    Start,
    Tasks,
    History,
    Workflows,
    Status,
    Actions,
    Timeline,
    Cancel,
    Retry,
    Description,
}

impl Route {
    /// All of them.
    pub(super) const ALL: [Self; 13] = [
        Self::Goals,
        Self::Goal,
        Self::PutGoal,
        Self::Start,
        Self::Tasks,
        Self::History,
        Self::Workflows,
        Self::Status,
        Self::Actions,
        Self::Timeline,
        Self::Cancel,
        Self::Retry,
        Self::Description,
    ];

    /// Returns `true` if operators may call it, for any user. They start and write nothing in the name of a user.
    pub(super) const fn is_for_operators(self) -> bool {
        match self {
            Self::Tasks
            | Self::History
            | Self::Status
            | Self::Actions
            | Self::Timeline
            | Self::Cancel
            | Self::Retry => true,
            Self::Goals | Self::Goal | Self::PutGoal | Self::Start | Self::Workflows | Self::Description => false,
        }
    }

    /// The route by the key that the gateway sends.
    pub(super) fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.key() == key)
    }

    /// The gateway's key: the method and the path with its parameters.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Goals => "GET /api/goals",
            Self::Goal => "GET /api/goals/{goalId}",
            Self::PutGoal => "PUT /api/goals/{goalId}",
            Self::Start => "POST /api/goals/{goalId}/start-activity",
            Self::Tasks => "GET /api/goals/{goalId}/tasks",
            Self::History => "GET /api/goals/{goalId}/workflows",
            Self::Workflows => "GET /api/workflows",
            Self::Status => "GET /api/workflows/{executionArn}/status",
            Self::Actions => "GET /api/workflows/{executionArn}/actions",
            Self::Timeline => "GET /api/workflows/{executionArn}/timeline",
            Self::Cancel => "POST /api/workflows/{executionArn}/cancel",
            Self::Retry => "POST /api/workflows/{executionArn}/retry",
            Self::Description => "GET /api/openapi.json",
        }
    }
}
