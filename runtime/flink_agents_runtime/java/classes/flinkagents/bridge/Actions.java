package flinkagents.bridge;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Actions in Java: the event comes as JSON, and the context asks Python. */
final class Actions {

    private static final String CONTEXT = Api.PACKAGE + "context.RunnerContext";
    private static final String MEMORY = Api.PACKAGE + "context.MemoryObject";
    private static final String MEMORY_TYPE = MEMORY + "$MemoryType";
    private static final String MEMORY_REF = Api.PACKAGE + "context.MemoryRef";
    private static final String INPUT = "_input_event";
    private static final String OUTPUT = "_output_event";

    private Actions() {}

    /** Runs the action {class, name, types, event type, event as JSON, input as JSON}. */
    static Object run(Call call, List<?> request) throws Exception {
        Method method = Functions.method(request);
        Object mapper = Api.mapper();
        Object event = event((String) request.get(3), (String) request.get(4), (String) request.get(5), mapper);
        method.invoke(null, event, Api.newProxy(CONTEXT, new Context(call, mapper)));
        return null;
    }

    /** The event as upstream makes it. Before flink-agents 0.3 each event had a class of its own. */
    private static Object event(String type, String json, String input, Object mapper) throws ReflectiveOperationException {
        Class<?> base = Api.named(Api.EVENT);
        if (hasTypes(base)) {
            return base.getMethod("fromJson", String.class).invoke(null, json);
        }
        if (!INPUT.equals(type)) {
            throw new Refused(
                    "an action of flink-agents before 0.3 listens to " + type + ", and only inputs reach Java from Python");
        }
        Object value = mapper.getClass().getMethod("readValue", String.class, Class.class).invoke(mapper, input, Object.class);
        return Api.named(Api.PACKAGE + "InputEvent").getConstructor(Object.class).newInstance(value);
    }

    private static boolean hasTypes(Class<?> event) {
        try {
            event.getMethod("fromJson", String.class);
            return true;
        } catch (NoSuchMethodException error) {
            return false;
        }
    }

    private static final class Context implements InvocationHandler {
        private final Call call;
        private final Object mapper;

        Context(Call call, Object mapper) {
            this.call = call;
            this.mapper = mapper;
        }

        @Override
        public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
            switch (method.getName()) {
                case "sendEvent":
                    return send(arguments[0]);
                case "getShortTermMemory":
                    return memory(call, "short_term", "");
                case "getSensoryMemory":
                    return memory(call, "sensory", "");
                case "getActionConfig":
                    return call.ask("action_config");
                case "getActionConfigValue":
                    return ((Map<?, ?>) call.ask("action_config")).get(arguments[0]);
                case "toString":
                    return "the context of an action";
                default:
                    throw new UnsupportedOperationException(
                            "the bundled engine has no " + method.getName() + "() in the context of a Java action: it has"
                                    + " sendEvent, the short-term and the sensory memory, and the action's configuration");
            }
        }

        private Object send(Object event) throws ReflectiveOperationException {
            String json = (String) mapper.getClass().getMethod("writeValueAsString", Object.class).invoke(mapper, event);
            String type;
            if (hasTypes(Api.named(Api.EVENT))) {
                type = (String) Api.get(event, "getType");
            } else {
                boolean output = event.getClass().getName().equals(Api.PACKAGE + "OutputEvent");
                type = output ? OUTPUT : event.getClass().getName();
            }
            return call.ask("send_event", type, json);
        }
    }

    static Object memory(Call call, String kind, String path) throws ClassNotFoundException {
        return Api.newProxy(MEMORY, new Memory(call, kind, path));
    }

    /** The memory object at a path, which Python holds. */
    private static final class Memory implements InvocationHandler {
        private final Call call;
        private final String kind;
        private final String path;

        Memory(Call call, String kind, String path) {
            this.call = call;
            this.kind = kind;
            this.path = path;
        }

        @Override
        public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
            String at = arguments == null || !(arguments[0] instanceof String) ? path : below((String) arguments[0]);
            switch (method.getName()) {
                case "get":
                    String found = arguments[0] instanceof String ? at : (String) Api.get(arguments[0], "getPath");
                    return (Boolean) call.ask("memory_exists", kind, found) ? memory(call, kind, found) : null;
                case "set":
                    call.ask("memory_set", kind, at, arguments[1]);
                    return reference(at);
                case "newObject":
                    call.ask("memory_new", kind, at, arguments.length > 1 && (Boolean) arguments[1]);
                    return memory(call, kind, at);
                case "isExist":
                    return call.ask("memory_exists", kind, at);
                case "getFieldNames":
                    return call.ask("memory_names", kind, path);
                case "getFields":
                    return new LinkedHashMap<>((Map<?, ?>) call.ask("memory_fields", kind, path));
                case "getValue":
                    return call.ask("memory_value", kind, path);
                case "isNestedObject":
                    return call.ask("memory_nested", kind, path);
                case "toString":
                    return "the " + kind + " memory at '" + path + "'";
                default:
                    throw new UnsupportedOperationException("the bundled engine has no " + method.getName() + "() of a memory");
            }
        }

        private String below(String name) {
            return path.isEmpty() ? name : path + "." + name;
        }

        private Object reference(String at) throws ReflectiveOperationException {
            Class<?> reference = Api.named(MEMORY_REF);
            try {
                return reference.getMethod("create", String.class).invoke(null, at);
            } catch (NoSuchMethodException since) {
                Class<?> type = Api.named(MEMORY_TYPE);
                Object member = type.getField(kind.equals("sensory") ? "SENSORY" : "SHORT_TERM").get(null);
                return reference.getMethod("create", type, String.class).invoke(null, member, at);
            }
        }
    }
}
