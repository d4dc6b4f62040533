// A prompt to play at, once ./smalti has been built:
//
//   jshell --class-path "app/target/lib/*" -R-Dsmalti.home=. examples/draw.jsh
//
// and then, for instance: fruits("tomato-heart-1")
import dev.smalti.data.*
import dev.smalti.draw.*
import dev.smalti.model.*
import java.nio.file.Path

Model model = Model.open("fruits-64")
Sampling few = Sampling.USUAL.steps(16)

Path fruits(String... classes) throws Exception {
    Path file = Path.of("fruits.png");
    Pictures.writePng(file, Pictures.grid(model.images(List.of(classes), 8, 42, few), 4, 2));
    return file;
}

System.out.println(fruits("cherry-1", "apple-golden-1") + " is drawn; model.classNames() lists the classes")
