package shop;

import java.util.ArrayList;
import java.util.HashMap;
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

/** A chat model that asks for its tool once, and then repeats the result. */
public class Parrot extends BaseChatModelConnection {

    private final String greeting;

    public Parrot(ResourceDescriptor descriptor, BiFunction<String, ResourceType, Resource> resources) {
        super(descriptor, resources);
        this.greeting = descriptor.getArgument("greeting");
    }

    @Override
    public ChatMessage chat(List<ChatMessage> messages, List<Tool> tools, Map<String, Object> arguments) {
        ChatMessage last = messages.get(messages.size() - 1);
        if (last.getRole() == MessageRole.TOOL || tools.isEmpty()) {
            return new ChatMessage(MessageRole.ASSISTANT, greeting + ": " + last.getContent() + " " + arguments);
        }
        Map<String, Object> function = new HashMap<>();
        function.put("name", tools.get(0).getName());
        function.put("arguments", Map.of("amount", 2, "rate", 0.5));
        Map<String, Object> call = new HashMap<>();
        call.put("id", "1");
        call.put("type", "function");
        call.put("function", function);
        List<Map<String, Object>> calls = new ArrayList<>();
        calls.add(call);
        return new ChatMessage(MessageRole.ASSISTANT, "", calls);
    }
}
