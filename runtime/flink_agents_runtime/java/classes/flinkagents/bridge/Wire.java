package flinkagents.bridge;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoField;
import java.time.temporal.TemporalAccessor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Values of both languages as bytes: a letter for the type, then the content. */
final class Wire {

    private Wire() {}

    static byte[] bytes(Object value) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            write(new DataOutputStream(bytes), value, "$");
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        return bytes.toByteArray();
    }

    static Object value(byte[] bytes) throws IOException {
        return read(new DataInputStream(new ByteArrayInputStream(bytes)));
    }

    private static void write(DataOutputStream out, Object value, String path) throws IOException {
        if (value == null) {
            out.writeByte('N');
        } else if (value instanceof Boolean) {
            out.writeByte((Boolean) value ? 'T' : 'F');
        } else if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            out.writeByte('l');
            out.writeLong(((Number) value).longValue());
        } else if (value instanceof Double || value instanceof Float) {
            out.writeByte('d');
            out.writeDouble(((Number) value).doubleValue());
        } else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum) {
            text(out, 's', value instanceof Enum ? ((Enum<?>) value).name() : value.toString());
        } else if (value instanceof BigInteger) {
            text(out, 'L', value.toString());
        } else if (value instanceof BigDecimal) {
            text(out, 'D', value.toString());
        } else if (value instanceof byte[]) {
            out.writeByte('b');
            out.writeInt(((byte[]) value).length);
            out.write((byte[]) value);
        } else if (value instanceof Map) {
            map(out, (Map<?, ?>) value, path);
        } else if (value instanceof Collection) {
            items(out, ((Collection<?>) value).toArray(), path);
        } else if (value.getClass().isArray()) {
            items(out, value, path);
        } else if (!time(out, value, path) && !api(out, value, path)) {
            throw new Refused(
                    "the value at " + path + " is of class " + value.getClass().getName() + ", which has no form in"
                            + " Python; return a Map, List, String, number, Boolean, byte[], date or time instead");
        }
    }

    private static void map(DataOutputStream out, Map<?, ?> map, String path) throws IOException {
        out.writeByte('{');
        out.writeInt(map.size());
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            if (!(entry.getKey() instanceof String)) {
                throw new Refused("the map at " + path + " has the key " + entry.getKey() + ", which is no String");
            }
            text(out, 's', (String) entry.getKey());
            write(out, entry.getValue(), path + "." + entry.getKey());
        }
    }

    private static void items(DataOutputStream out, Object array, String path) throws IOException {
        int length = Array.getLength(array);
        out.writeByte('[');
        out.writeInt(length);
        for (int index = 0; index < length; index++) {
            write(out, Array.get(array, index), path + "[" + index + "]");
        }
    }

    private static boolean time(DataOutputStream out, Object value, String path) throws IOException {
        if (value instanceof LocalDate) {
            text(out, 'y', whole(value, ((LocalDate) value).getYear(), path));
        } else if (value instanceof LocalTime) {
            text(out, 't', whole(value, 1, path));
        } else if (value instanceof LocalDateTime) {
            text(out, 'n', whole(value, ((LocalDateTime) value).getYear(), path));
        } else if (value instanceof Instant) {
            return time(out, ((Instant) value).atOffset(ZoneOffset.UTC), path);
        } else if (value instanceof ZonedDateTime) {
            return time(out, ((ZonedDateTime) value).toOffsetDateTime(), path);
        } else if (value instanceof Date) {
            return time(out, Instant.ofEpochMilli(((Date) value).getTime()), path);
        } else if (value instanceof OffsetDateTime) {
            text(out, 'z', whole(value, ((OffsetDateTime) value).getYear(), path));
        } else if (value instanceof Duration) {
            Duration duration = (Duration) value;
            requireMicros(duration.getNano(), value, path);
            out.writeByte('u');
            out.writeLong(duration.getSeconds());
            out.writeInt(duration.getNano() / 1000);
        } else {
            return false;
        }
        return true;
    }

    private static String whole(Object value, int year, String path) {
        if (year < 1 || year > 9999) {
            throw new Refused("the value at " + path + ", " + value + ", is outside the years 1 to 9999 of Python");
        }
        if (!(value instanceof LocalDate)) {
            requireMicros(((TemporalAccessor) value).get(ChronoField.NANO_OF_SECOND), value, path);
        }
        return value.toString();
    }

    private static void requireMicros(int nanos, Object value, String path) {
        if (nanos % 1000 != 0) {
            throw new Refused(
                    "the value at " + path + ", " + value + ", has nanoseconds, and times of Python have microseconds;"
                            + " use truncatedTo(ChronoUnit.MICROS)");
        }
    }

    /** Messages and documents of upstream's API. */
    private static boolean api(DataOutputStream out, Object value, String path) throws IOException {
        Object[] form = Api.form(value);
        if (form == null) {
            return false;
        }
        text(out, 'x', (String) form[0]);
        write(out, form[1], path);
        return true;
    }

    private static void text(DataOutputStream out, char type, String text) throws IOException {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new Refused("a text has half of a surrogate pair, which has no form in UTF-8: " + text);
        }
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeByte(type);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static Object read(DataInputStream in) throws IOException {
        char type = (char) in.readByte();
        switch (type) {
            case 'N':
                return null;
            case 'T':
                return true;
            case 'F':
                return false;
            case 'l':
                return in.readLong();
            case 'd':
                return in.readDouble();
            case 'b':
                return in.readNBytes(in.readInt());
            case 'u':
                return Duration.ofSeconds(in.readLong(), in.readInt() * 1000L);
            case '[':
                List<Object> list = new ArrayList<>();
                for (int left = in.readInt(); left > 0; left--) {
                    list.add(read(in));
                }
                return list;
            case '{':
                Map<String, Object> map = new LinkedHashMap<>();
                for (int left = in.readInt(); left > 0; left--) {
                    String key = (String) read(in);
                    map.put(key, read(in));
                }
                return map;
            default:
                return ofText(type, new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8), in);
        }
    }

    private static Object ofText(char type, String text, DataInputStream in) throws IOException {
        switch (type) {
            case 's':
                return text;
            case 'L':
                return new BigInteger(text);
            case 'D':
                return new BigDecimal(text);
            case 'y':
                return LocalDate.parse(text);
            case 't':
                return LocalTime.parse(text);
            case 'n':
                return LocalDateTime.parse(text);
            case 'z':
                return OffsetDateTime.parse(text);
            case 'x':
                return new Api.Form(text, read(in));
            default:
                throw new IOException("a value of the unknown type " + type);
        }
    }
}
