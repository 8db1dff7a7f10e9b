package flinkagents.bridge;

import java.lang.annotation.Annotation;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Upstream's classes by name: their jar is the user's, and its releases differ. */
final class Api {

    static final String PACKAGE = "org.apache.flink.agents.api.";
    static final String EVENT = PACKAGE + "Event";
    private static final String MESSAGE = PACKAGE + "chat.messages.ChatMessage";
    private static final String ROLE = PACKAGE + "chat.messages.MessageRole";
    private static final String DOCUMENT = PACKAGE + "vectorstores.Document";
    private static final String PLAN = "org.apache.flink.agents.plan.";
    // 0.1 keeps the role of a message among its extra arguments, too.
    private static final String ROLE_AGAIN = "messageType";

    private Api() {}

    /** An object of the API on its way from Python. */
    static final class Form {
        final String kind;
        final Map<?, ?> fields;

        Form(String kind, Object fields) {
            this.kind = kind;
            this.fields = (Map<?, ?>) fields;
        }
    }

    static Class<?> named(String name) throws ClassNotFoundException {
        return Class.forName(name, true, Api.class.getClassLoader());
    }

    static Object newProxy(String name, InvocationHandler handler) throws ClassNotFoundException {
        return Proxy.newProxyInstance(Api.class.getClassLoader(), new Class<?>[] {named(name)}, handler);
    }

    static Object get(Object of, String method) {
        try {
            return of.getClass().getMethod(method).invoke(of);
        } catch (ReflectiveOperationException error) {
            throw new Refused("flink-agents' " + of.getClass().getName() + " has no usable " + method, error);
        }
    }

    /** Kind and fields of an object for Python, null for another class. */
    static Object[] form(Object value) {
        switch (value.getClass().getName()) {
            case MESSAGE:
                Map<String, Object> extra = new LinkedHashMap<>();
                ((Map<?, ?>) get(value, "getExtraArgs")).forEach((name, each) -> extra.put((String) name, each));
                extra.remove(ROLE_AGAIN);
                Map<String, Object> message = new LinkedHashMap<>();
                message.put("role", get(get(value, "getRole"), "getValue"));
                message.put("content", get(value, "getContent"));
                message.put("tool_calls", get(value, "getToolCalls"));
                message.put("extra_args", extra);
                return new Object[] {"message", message};
            case DOCUMENT:
                Map<String, Object> document = new LinkedHashMap<>();
                document.put("id", get(value, "getId"));
                document.put("content", get(value, "getContent"));
                document.put("metadata", get(value, "getMetadata"));
                document.put("embedding", get(value, "getEmbedding"));
                return new Object[] {"document", document};
            default:
                return null;
        }
    }

    /** The value with its forms replaced by objects. */
    static Object resolved(Object value) throws ReflectiveOperationException {
        if (value instanceof Form) {
            return object((Form) value);
        }
        if (value instanceof List) {
            List<Object> list = new ArrayList<>();
            for (Object each : (List<?>) value) {
                list.add(resolved(each));
            }
            return list;
        }
        return value;
    }

    private static Object object(Form form) throws ReflectiveOperationException {
        Map<?, ?> fields = form.fields;
        switch (form.kind) {
            case "message":
                Class<?> role = named(ROLE);
                return named(MESSAGE)
                        .getConstructor(role, String.class, List.class, Map.class)
                        .newInstance(
                                role.getMethod("fromValue", String.class).invoke(null, fields.get("role")),
                                fields.get("content"),
                                fields.get("tool_calls"),
                                fields.get("extra_args"));
            case "document":
                return named(DOCUMENT)
                        .getConstructor(String.class, Map.class, String.class, float[].class, Float.class)
                        .newInstance(
                                fields.get("content"),
                                fields.get("metadata"),
                                fields.get("id"),
                                Functions.coerced(fields.get("embedding"), float[].class, "the embedding"),
                                Functions.coerced(fields.get("score"), Float.class, "the score"));
            default:
                return tool((String) fields.get("name"), (String) fields.get("description"), (String) fields.get("schema"));
        }
    }

    /** A tool that tells a model what it may ask for; Python calls it. */
    private static Object tool(String name, String description, String schema) throws ReflectiveOperationException {
        Class<?> metadata = named(PACKAGE + "tools.ToolMetadata");
        Object about = metadata.getConstructor(String.class, String.class, String.class).newInstance(name, description, schema);
        return named(PLAN + "tools.FunctionTool").getConstructor(metadata, named(PLAN + "Function")).newInstance(about, null);
    }

    /** Name, description and input schema of the tool of a method, as upstream derives them. */
    static Map<String, Object> toolMetadata(Method method) throws ReflectiveOperationException {
        Object metadata =
                named(PLAN + "tools.ToolMetadataFactory").getMethod("fromStaticMethod", Method.class).invoke(null, method);
        Map<String, Object> fields = new HashMap<>();
        fields.put("name", get(metadata, "getName"));
        fields.put("description", get(metadata, "getDescription"));
        fields.put("inputSchema", get(metadata, "getInputSchema"));
        return fields;
    }

    /** The Jackson that upstream's classes are annotated for: it may be relocated. */
    static Object mapper() throws ReflectiveOperationException {
        for (Constructor<?> constructor : named(EVENT).getConstructors()) {
            for (Annotation annotation : constructor.getAnnotations()) {
                String name = annotation.annotationType().getName();
                if (name.endsWith(".annotation.JsonCreator")) {
                    String root = name.substring(0, name.length() - ".annotation.JsonCreator".length());
                    return named(root + ".databind.ObjectMapper").getConstructor().newInstance();
                }
            }
        }
        throw new Refused(EVENT + " has no constructor for Jackson: this flink-agents is not supported");
    }
}
