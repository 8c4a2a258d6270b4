console.log(App.args, App.getEnv("GREETING"), App.getEnv("NOT_THERE"), App.getEnv("="));
