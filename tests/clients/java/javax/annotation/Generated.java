package javax.annotation;

/** The annotation of generated code: the only one that the generator's jar does not have. */
public @interface Generated {
    String[] value();

    String comments() default "";
}
