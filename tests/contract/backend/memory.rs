use goal_activity_core::goal::Goal;
use goal_activity_core::task::Task;
use goal_activity_events::GoalId;
use goal_activity_functions::memory::World;

use super::Tables;

impl Tables for World {
    type Goals = Self;
    type Tasks = Self;
    type Executions = Self;
    type Claims = Self;
    type Ledger = Self;
    type Settlements = Self;

    fn goals(&self) -> &Self {
        self
    }

    fn tasks(&self) -> &Self {
        self
    }

    fn executions(&self) -> &Self {
        self
    }

    fn claims(&self) -> &Self {
        self
    }

    fn ledger(&self) -> &Self {
        self
    }

    fn settlements(&self) -> &Self {
        self
    }

    async fn put_goal(&self, goal: &Goal) {
        self.state().goals.insert(goal.head.goal_id.clone(), goal.clone());
    }

    async fn remove_goal(&self, goal: &GoalId) {
        self.state().goals.remove(goal);
    }

    async fn put_task(&self, task: &Task) {
        self.state().tasks.insert((task.goal_id.clone(), task.position.clone()), task.clone());
    }
}
