package flinkagents.bridge;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;

/** The resources of an agent whose classes are Java, created on first use. Python knows what is declared. */
final class Resources {

    private static final String DESCRIPTOR = Api.PACKAGE + "resource.ResourceDescriptor";
    private static final String CONTEXT = Api.PACKAGE + "resource.ResourceContext";

    /** In the order of their creation. */
    private final Map<List<String>, Object> created = Collections.synchronizedMap(new LinkedHashMap<>());
    /** For the thread that creates them, since its resources may ask for each other. */
    private final Map<List<String>, Object> unopened = new ConcurrentHashMap<>();

    /** Creates the resource {type, name} and opens it. */
    Object open(Call call, List<?> request) throws Exception {
        resource(call, (String) request.get(0), (String) request.get(1));
        return null;
    }

    /** Calls a method of the resource {type, name, method, arguments}. */
    Object method(Call call, List<?> request) throws Exception {
        Object resource = resource(call, (String) request.get(0), (String) request.get(1));
        String name = (String) request.get(2);
        List<?> given = (List<?>) Api.resolved(request.get(3));
        Refused reason = new Refused("the resource " + request.get(1) + " has no method " + name + " of " + given.size() + " parameters");
        for (Method method : resource.getClass().getMethods()) {
            if (!method.getName().equals(name) || method.getParameterCount() != given.size() || method.isBridge()) {
                continue;
            }
            Object[] arguments = new Object[given.size()];
            try {
                for (int index = 0; index < arguments.length; index++) {
                    arguments[index] = argument(given.get(index), method.getParameterTypes()[index], index + 1);
                }
            } catch (Refused misfit) {
                reason = misfit;
                continue;
            }
            method.setAccessible(true);
            return method.invoke(resource, arguments);
        }
        throw reason;
    }

    private static Object argument(Object value, Class<?> type, int place) {
        // Upstream's classes add to the maps that they get.
        return value instanceof Map && type == Map.class
                ? new LinkedHashMap<>((Map<?, ?>) value)
                : type == String.class && !(value instanceof String) && value != null
                        ? refuse(value, place)
                        : Functions.coerced(value, type, "argument " + place);
    }

    private static Object refuse(Object value, int place) {
        throw new Refused("argument " + place + " is " + value + ", which is no String");
    }

    private Object resource(Call call, String type, String name) throws Exception {
        List<String> key = List.of(type, name);
        Object known = created.get(key);
        if (known != null) {
            return known;
        }
        // Python's lock is the only one: with another one here, a thread could hold each and wait for the other.
        call.ask("create");
        try {
            known = created.getOrDefault(key, unopened.get(key));
            return known != null ? known : newResource(call, type, name, key);
        } finally {
            call.ask("created");
        }
    }

    private Object newResource(Call call, String type, String name, List<String> key) throws Exception {
        Map<?, ?> declared = (Map<?, ?>) call.ask("resource", type, name);
        Object tool = declared.get("tool");
        Object resource = tool != null ? Api.resolved(tool) : create(call, declared);
        if (tool == null) {
            unopened.put(key, resource);
            try {
                ifAny(resource, "open");
            } finally {
                unopened.remove(key);
            }
        }
        created.put(key, resource);
        return resource;
    }

    private Object create(Call call, Map<?, ?> declared) throws Exception {
        String name = (String) declared.get("class");
        Class<?> of = Api.named(name);
        Class<?> descriptor = Api.named(DESCRIPTOR);
        Object described =
                descriptor.getConstructor(String.class, Map.class).newInstance(name, new LinkedHashMap<>((Map<?, ?>) declared.get("arguments")));
        Class<?> context;
        Object others;
        try {
            context = Api.named(CONTEXT);
            others =
                    Api.newProxy(
                            CONTEXT,
                            (proxy, method, arguments) -> {
                                if (!method.getName().equals("getResource")) {
                                    throw new UnsupportedOperationException(
                                            "the bundled engine has no " + method.getName() + "() for Java resources");
                                }
                                return other(arguments[0], arguments[1]);
                            });
        } catch (ClassNotFoundException before) {
            context = BiFunction.class;
            others = (BiFunction<Object, Object, Object>) this::other;
        }
        try {
            return of.getConstructor(descriptor, context).newInstance(described, others);
        } catch (NoSuchMethodException error) {
            throw new Refused(name + " has no public constructor (ResourceDescriptor, " + context.getSimpleName() + ")", error);
        }
    }

    /** A resource that another one asks for, on the thread of the call that uses it. */
    private Object other(Object name, Object type) {
        try {
            return resource(Call.current(), (String) Api.get(type, "getValue"), (String) name);
        } catch (InvocationTargetException error) {
            throw new IllegalStateException("the resource " + name + " cannot be created", error.getCause());
        } catch (RuntimeException error) {
            throw error;
        } catch (Exception error) {
            throw new IllegalStateException("the resource " + name + " cannot be created", error);
        }
    }

    /** Closes all, last first. */
    Object close() throws Exception {
        List<Object> all;
        synchronized (created) {
            all = new ArrayList<>(created.values());
            created.clear();
        }
        for (int index = all.size() - 1; index >= 0; index--) {
            ifAny(all.get(index), "close");
        }
        return null;
    }

    /** Resources have no open and close before flink-agents 0.2. */
    private static void ifAny(Object resource, String name) throws Exception {
        Method method;
        try {
            method = resource.getClass().getMethod(name);
        } catch (NoSuchMethodException error) {
            return;
        }
        method.setAccessible(true);
        method.invoke(resource);
    }
}
