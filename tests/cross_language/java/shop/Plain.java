package shop;

/** No agent. */
public class Plain {}
