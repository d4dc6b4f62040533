package dev.smalti.recipe;

/** Something is wrong with a recipe or another file of a run: the message is one line that a user can act on. */
public final class RecipeException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public RecipeException(String message) {
        super(oneLine(message));
    }

    public RecipeException(String message, Throwable cause) {
        super(oneLine(message), cause);
    }

    private static String oneLine(String message) {
        return message.strip().replaceAll("\\s*\\R\\s*", " ");
    }
}
