package shop;

import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.chat.messages.MessageRole;
import org.apache.flink.agents.api.chat.model.BaseChatModelConnection;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.tools.Tool;

/** A chat model that is hard to create. */
public class Stubborn extends BaseChatModelConnection {

    private static int refusals = 0;

    private final BiFunction<String, ResourceType, Resource> resources;
    private final ResourceDescriptor descriptor;
    private boolean opened;

    public Stubborn(ResourceDescriptor descriptor, BiFunction<String, ResourceType, Resource> resources) throws InterruptedException {
        super(descriptor, resources);
        this.descriptor = descriptor;
        this.resources = resources;
        String tool = descriptor.getArgument("tool");
        if (tool != null) {
            // Time for another thread to create a resource.
            Thread.sleep(1_000);
            resources.apply(tool, ResourceType.TOOL);
        }
    }

    public void open() {
        if ("once".equals(descriptor.getArgument("refuses")) && ++refusals == 1) {
            throw new IllegalStateException("not now");
        }
        opened = true;
    }

    @Override
    public ChatMessage chat(List<ChatMessage> messages, List<Tool> tools, Map<String, Object> arguments) {
        String other = descriptor.getArgument("other");
        if (other != null) {
            resources.apply(other, ResourceType.CHAT_MODEL_CONNECTION);
        }
        return new ChatMessage(MessageRole.ASSISTANT, "opened: " + opened);
    }
}
