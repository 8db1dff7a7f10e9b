package shop;

/** An input of OrderAgent. */
public class Purchase {
    public String item;
    public int amount;
}
