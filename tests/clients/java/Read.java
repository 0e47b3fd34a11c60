import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.util.Iterator;
import java.util.Map;
import org.openapitools.client.JSON;
import org.openapitools.client.model.FinalStatus;
import org.openapitools.client.model.Priority;
import org.openapitools.client.model.Problem;
import org.openapitools.client.model.TaskPage;
import org.openapitools.client.model.Timeline;
import org.openapitools.client.model.TimelineEnded;
import org.openapitools.client.model.WorkflowStatus;

/** Reads every answer with openapi-generator's Java client. */
public class Read {
    private static final ObjectMapper MAPPER = JSON.getDefault().getMapper();

    private static JsonNode recorded(String name) throws Exception {
        return MAPPER.readTree(new File("answers/" + name + ".json"));
    }

    private static <T> T read(String name, Class<T> model) throws Exception {
        return MAPPER.treeToValue(recorded(name), model);
    }

    /** Fails unless what was read, written as JSON again, is what was recorded. */
    private static void kept(String name, Class<?> model) throws Exception {
        JsonNode recorded = recorded(name);
        // A client may drop what a newer version has added.
        ((ObjectNode) recorded).remove("addedLater");
        JsonNode read = MAPPER.readTree(MAPPER.writeValueAsString(read(name, model)));
        // Fields in any order.
        check(read.equals(recorded), name + ":\n read     " + read + "\n recorded " + recorded);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        JsonNode models = MAPPER.readTree(new File("models.json"));
        for (Iterator<Map.Entry<String, JsonNode>> all = models.fields(); all.hasNext();) {
            Map.Entry<String, JsonNode> each = all.next();
            kept(each.getKey(), Class.forName("org.openapitools.client.model." + each.getValue().asText()));
        }
        Timeline timeline = read("timeline-ended", Timeline.class);
        Object last = timeline.getItems().get(timeline.getItems().size() - 1).getActualInstance();
        check(((TimelineEnded) last).getStatus() == FinalStatus.PARTIALLY_SUCCEEDED, "the last item");
        WorkflowStatus newer = read("status-newer", WorkflowStatus.class);
        check(newer.getFailedActions().get(0).getCode().equals("AI_TIRED"), "a failure code of a newer version");
        check(read("problem-newer", Problem.class).getCode().equals("GOAL_TIRED"), "a problem code of a newer version");
        check(read("status-waiting", WorkflowStatus.class).getStopDate() == null, "a field that is missing");
        check(read("tasks", TaskPage.class).getItems().get(0).getPriority() == Priority.HIGH, "a priority");
        System.out.println("openapi-generator, Java: " + models.size() + " answers");
    }
}
