package flinkagents.bridge;

import java.lang.annotation.Annotation;
import java.lang.reflect.Array;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/** Static methods, as the plan of an agent names them. */
final class Functions {

    private static final Map<String, Class<?>> PRIMITIVES =
            Arrays.asList(
                            boolean.class, byte.class, short.class, int.class, long.class, float.class, double.class,
                            char.class)
                    .stream()
                    .collect(Collectors.toMap(Class::getName, each -> each));
    private static final Map<List<?>, Method> METHODS = new ConcurrentHashMap<>();

    private Functions() {}

    static Object metadata(List<?> function) throws Exception {
        return Api.toolMetadata(method(function));
    }

    /** Calls the tool {class, name, types, arguments by name}. */
    static Object tool(List<?> request) throws Exception {
        Method method = method(request);
        Map<?, ?> given = (Map<?, ?>) request.get(3);
        Parameter[] parameters = method.getParameters();
        Object[] arguments = new Object[parameters.length];
        for (int index = 0; index < parameters.length; index++) {
            Parameter parameter = parameters[index];
            Annotation about = annotation(parameter);
            String own = about == null ? "" : (String) value(about, "name");
            String name = own.isEmpty() ? parameter.getName() : own;
            Object argument = given.get(name);
            boolean optional =
                    about == null || !(Boolean) value(about, "required") || !((String) value(about, "defaultValue")).isEmpty();
            if (argument == null && (!optional || parameter.getType().isPrimitive())) {
                throw new Refused(
                        "it needs the parameter '" + name + "' (" + parameter.getType().getSimpleName() + "), and "
                                + (given.containsKey(name) ? "it is None" : "the arguments are " + given.keySet()));
            }
            if (argument instanceof List && parameter.getType().isArray()) {
                // As upstream's ToolParameters, which converts scalars only.
                throw misfit(argument, parameter.getType(), "the parameter '" + name + "'");
            }
            arguments[index] = coerced(argument, parameter.getType(), "the parameter '" + name + "'");
        }
        return method.invoke(null, arguments);
    }

    static Method method(List<?> function) throws Exception {
        List<?> key = function.subList(0, 3);
        Method known = METHODS.get(key);
        if (known != null) {
            return known;
        }
        Class<?> of = Api.named((String) key.get(0));
        String name = (String) key.get(1);
        List<?> names = (List<?>) key.get(2);
        Class<?>[] types = new Class<?>[names.size()];
        for (int index = 0; index < types.length; index++) {
            Class<?> primitive = PRIMITIVES.get(names.get(index));
            types[index] = primitive != null ? primitive : Api.named((String) names.get(index));
        }
        Method method;
        try {
            method = of.getMethod(name, types);
        } catch (NoSuchMethodException error) {
            throw new Refused("there is no public method " + of.getName() + "." + name + names + "; " + known(of, name), error);
        }
        if (!Modifier.isStatic(method.getModifiers())) {
            throw new Refused("the method is not static: " + method);
        }
        METHODS.put(List.copyOf(key), method);
        return method;
    }

    private static String known(Class<?> of, String name) {
        List<Method> statics =
                Arrays.stream(of.getDeclaredMethods())
                        .filter(each -> Modifier.isStatic(each.getModifiers()) && Modifier.isPublic(each.getModifiers()))
                        .collect(Collectors.toList());
        List<Method> same = statics.stream().filter(each -> each.getName().equals(name)).collect(Collectors.toList());
        return "known: "
                + (same.isEmpty() ? statics : same)
                        .stream()
                        .map(each -> each.getName() + types(each))
                        .sorted()
                        .collect(Collectors.joining(", "));
    }

    private static String types(Method method) {
        return Arrays.stream(method.getParameterTypes()).map(Class::getTypeName).collect(Collectors.toList()).toString();
    }

    private static Annotation annotation(Parameter parameter) {
        for (Annotation each : parameter.getAnnotations()) {
            if (each.annotationType().getName().equals(Api.PACKAGE + "annotation.ToolParam")) {
                return each;
            }
        }
        return null;
    }

    private static Object value(Annotation annotation, String name) throws ReflectiveOperationException {
        return annotation.annotationType().getMethod(name).invoke(annotation);
    }

    /**
     * A value of Python as an object of a type, as upstream's ToolParameters converts it: through its text. What
     * would lose something on this way is refused.
     */
    static Object coerced(Object value, Class<?> type, String what) {
        if (value == null) {
            if (type.isPrimitive()) {
                throw new Refused(what + " is None, and " + type + " has no null");
            }
            return null;
        }
        if (type.isInstance(value)) {
            return value;
        }
        try {
            Object converted = type.isArray() && value instanceof List ? array((List<?>) value, type, what) : scalar(value, type);
            if (converted != null) {
                return converted;
            }
        } catch (NumberFormatException error) {
            throw misfit(value, type, what);
        }
        throw misfit(value, type, what);
    }

    private static Object array(List<?> values, Class<?> type, String what) {
        Object array = Array.newInstance(type.getComponentType(), values.size());
        for (int index = 0; index < values.size(); index++) {
            Array.set(array, index, coerced(values.get(index), type.getComponentType(), what + "[" + index + "]"));
        }
        return array;
    }

    private static Object scalar(Object value, Class<?> type) {
        String text = value.toString();
        if (type == String.class && !(value instanceof byte[])) {
            return text;
        } else if (type == Integer.class || type == int.class) {
            return Integer.valueOf(text);
        } else if (type == Long.class || type == long.class) {
            return Long.valueOf(text);
        } else if (type == Short.class || type == short.class) {
            return Short.valueOf(text);
        } else if (type == Byte.class || type == byte.class) {
            return Byte.valueOf(text);
        } else if (type == Double.class || type == double.class) {
            Double number = Double.valueOf(text);
            return isInteger(value) && new BigDecimal(text).compareTo(new BigDecimal(number)) != 0 ? null : number;
        } else if (type == Float.class || type == float.class) {
            Float number = Float.valueOf(text);
            return number.isInfinite() && !Double.isInfinite(Double.parseDouble(text)) ? null : number;
        } else if (type == Boolean.class || type == boolean.class) {
            return text.equalsIgnoreCase("true") ? Boolean.TRUE : text.equalsIgnoreCase("false") ? Boolean.FALSE : null;
        }
        return null;
    }

    private static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof BigInteger;
    }

    private static Refused misfit(Object value, Class<?> type, String what) {
        return new Refused(what + " is " + value + " (" + value.getClass().getSimpleName() + "), which is no " + type.getSimpleName());
    }
}
